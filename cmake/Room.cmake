# corohub_room(NAME SOURCES file... [USES target...] [PRIVATE target...])
# One static library per folder. USES names the rooms and libraries its headers need; these link lines are the
# layer diagram that tools/check-layers reads.
function(corohub_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;PRIVATE" ${ARGN})
  add_library(corohub_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(corohub_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(corohub_${name} PUBLIC ${ROOM_USES} PRIVATE ${ROOM_PRIVATE})
endfunction()
