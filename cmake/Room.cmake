# corohub_room(NAME SOURCES file... [USES target...] [PRIVATE target...] [OPTIMIZED])
# One static library per folder. USES names the rooms and libraries its headers need; these link lines are the
# layer diagram that tools/check-layers reads. OPTIMIZED: by the daily build, too, whose tests run it a million times.
function(corohub_room name)
  cmake_parse_arguments(ROOM "OPTIMIZED" "" "SOURCES;USES;PRIVATE" ${ARGN})
  add_library(corohub_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(corohub_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(corohub_${name} PUBLIC ${ROOM_USES} PRIVATE ${ROOM_PRIVATE})
  if(ROOM_OPTIMIZED)
    target_compile_options(corohub_${name} PRIVATE $<$<CONFIG:Debug>:-O1>)
  elseif(COROHUB_PRECOMPILE)
    target_precompile_headers(corohub_${name} REUSE_FROM corohub_precompiled)
  endif()
endfunction()
