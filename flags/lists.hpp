// Lists of entities: which page was asked for, and its answer with the total.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

#include <cstddef>
#include <vector>

namespace corohub::flags {

inline constexpr std::int64_t entities_per_page = 100;
inline constexpr std::int64_t entities_per_page_max = 1'000;

struct Page {
  std::int64_t number = 1;
  std::int64_t size = entities_per_page;

  std::size_t begin(std::size_t total) const noexcept;
  std::size_t end(std::size_t total) const noexcept;
};

// ?page&per_page; validation_failed.
Result<Page> read_page(const http::Request& request);
// `meta` says page, per_page and total.
json::object page_meta(const Page& page, std::size_t total);
http::Response page_answer(const Page& page, std::vector<json::object> all);

}  // namespace corohub::flags
