# What nearly every unit includes, read once for the rooms and once for the tests: a cold build takes a third less. It
# hides a missing include, which tools/check-includes finds.
option(COROHUB_PRECOMPILE "precompile the headers that nearly every unit includes" OFF)
if(NOT COROHUB_PRECOMPILE)
  return()
endif()

# One precompiled header serves libraries and programs, so both have the same kind of code.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)
# ccache looks at what a header says and not at when it was written.
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

add_library(corohub_precompiled OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
target_link_libraries(corohub_precompiled PRIVATE corohub_asio Boost::json)
target_precompile_headers(corohub_precompiled PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp)

find_package(GTest)
if(TARGET GTest::gmock)
  add_library(corohub_precompiled_tests OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
  target_link_libraries(corohub_precompiled_tests PRIVATE corohub_asio Boost::json GTest::gmock)
  target_precompile_headers(corohub_precompiled_tests PRIVATE
    ${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp <gmock/gmock.h> <gtest/gtest.h>)
endif()
