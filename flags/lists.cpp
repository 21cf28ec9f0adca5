#include "flags/lists.hpp"

#include "flags/answers.hpp"
#include "users/query_reader.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::int64_t page_max = 1'000'000;

}  // namespace

std::size_t Page::begin(std::size_t total) const noexcept {
  return std::min(total, static_cast<std::size_t>((number - 1) * size));
}

std::size_t Page::end(std::size_t total) const noexcept {
  return std::min(total, static_cast<std::size_t>(number * size));
}

Result<Page> read_page(const http::Request& request) {
  users::QueryReader reader(request);
  Page page;
  page.number = reader.integer("page", 1, page_max).value_or(1);
  page.size = reader.integer("per_page", 1, entities_per_page_max).value_or(entities_per_page);
  if (const Result<> read = reader.result(); !read) return read.error();
  return page;
}

json::object page_meta(const Page& page, std::size_t total) {
  json::object meta;
  meta["page"] = page.number;
  meta["per_page"] = page.size;
  meta["total"] = total;
  return meta;
}

http::Response page_answer(const Page& page, std::vector<json::object> all) {
  json::array list;
  for (std::size_t i = page.begin(all.size()); i < page.end(all.size()); ++i)
    list.emplace_back(std::move(all[i]));
  return data_answer(list, page_meta(page, all.size()));
}

}  // namespace corohub::flags
