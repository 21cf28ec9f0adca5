# Libraries of the distribution. Boost, SQLiteCpp and prometheus-cpp are linked statically where the package has an archive.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
# The reader of its replies alone: 0.14 and 1.x are the same in that.
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
# Passwords by how common they are, of Debian's python3-zxcvbn; only the build reads it.
find_program(COROHUB_PYTHON python3 REQUIRED)
find_file(COROHUB_PASSWORD_LIST zxcvbn/frequency_lists.py PATHS /usr/lib/python3/dist-packages REQUIRED NO_DEFAULT_PATH)
# Only the core: the CMake package would pull in civetweb and curl.
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)

# Asio and Beast are compiled once, in core/asio.cpp and http/beast_head.cpp.
add_library(corohub_asio INTERFACE)
target_compile_definitions(corohub_asio INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_VISIBILITY
  BOOST_BEAST_SEPARATE_COMPILATION BOOST_BEAST_USE_STD_STRING_VIEW)
target_link_libraries(corohub_asio INTERFACE Boost::headers Threads::Threads)
