# corohub_embed(TARGET FUNCTION FILES...)
# Puts files into the binary: `std::string_view FUNCTION(std::string_view name)` finds one by its base name and
# answers an empty view for a name that is not there; `std::span<const EmbeddedFile> FUNCTION_all()` lists them.
function(corohub_embed target function)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${function}_embedded.cpp)
  set(asm ${CMAKE_CURRENT_BINARY_DIR}/${function}_embedded.S)
  set(asm_text "    .section .rodata\n")
  set(externs "")
  set(rows "")
  set(i 0)
  set(paths "")
  foreach(file IN LISTS ARGN)
    get_filename_component(path ${file} ABSOLUTE)
    get_filename_component(base ${file} NAME)
    set(symbol ${function}_file_${i})
    string(APPEND asm_text "    .global ${symbol}\n    .global ${symbol}_end\n${symbol}:\n    .incbin \"${path}\"\n${symbol}_end:\n    .byte 0\n")
    string(APPEND externs "extern \"C\" const char ${symbol}[];\nextern \"C\" const char ${symbol}_end[];\n")
    string(APPEND rows "      {\"${base}\", {${symbol}, static_cast<std::size_t>(${symbol}_end - ${symbol})}},\n")
    list(APPEND paths ${path})
    math(EXPR i "${i} + 1")
  endforeach()
  string(APPEND asm_text "    .section .note.GNU-stack,\"\",%progbits\n")
  file(GENERATE OUTPUT ${asm} CONTENT "${asm_text}")
  file(GENERATE OUTPUT ${out} CONTENT "#include \"core/embedded.hpp\"

${externs}
namespace corohub {
std::span<const EmbeddedFile> ${function}_all() {
  static const EmbeddedFile files[] = {
${rows}  };
  return files;
}
std::string_view ${function}(std::string_view name) {
  for (const EmbeddedFile& file : ${function}_all())
    if (file.name == name) return file.content;
  return {};
}
}  // namespace corohub
")
  set_source_files_properties(${asm} PROPERTIES OBJECT_DEPENDS "${paths}")
  target_sources(${target} PRIVATE ${out} ${asm})
endfunction()
