// Files that are part of the binary (cmake/Embed.cmake): migrations, pages, the OpenAPI document.
#pragma once

#include <span>
#include <string_view>

namespace corohub {

struct EmbeddedFile {
  std::string_view name;     // base name
  std::string_view content;  // lives as long as the process
};

}  // namespace corohub
