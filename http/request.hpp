// One HTTP request as handlers see it: checked, decoded, independent of the library that read it.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/json.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace corohub::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };
std::string_view name(Method method) noexcept;  // "GET"

// A header of a request. The views are valid as long as its list is not changed.
struct Header {
  std::string_view name;  // as sent
  std::string_view value;
};

// The headers of a request in order, duplicates included, in one piece of text.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(std::initializer_list<Header> headers) {
    for (const Header& header : headers) push_back(header);
  }

  void push_back(Header header);
  // For a whole head: keep() copies its bytes, and add() then names parts of this copy.
  std::string_view keep(std::string_view head);
  void add(std::string_view name, std::string_view value);
  void clear() noexcept;  // keeps the memory that an ordinary request needs

  std::size_t size() const noexcept { return places_.size(); }
  Header operator[](std::size_t index) const noexcept;

  class Iterator {
   public:
    Iterator(const HeaderList& list, std::size_t index) noexcept : list_(list), index_(index) {}
    Header operator*() const noexcept { return list_[index_]; }
    Iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    bool operator!=(const Iterator& other) const noexcept { return index_ != other.index_; }

   private:
    const HeaderList& list_;
    std::size_t index_;
  };
  Iterator begin() const noexcept { return {*this, 0}; }
  Iterator end() const noexcept { return {*this, size()}; }

 private:
  struct Place {  // in text_
    std::uint32_t name;
    std::uint32_t name_size;
    std::uint32_t value;
    std::uint32_t value_size;
  };
  std::string text_;
  std::vector<Place> places_;
};

class Request {
 public:
  Method method = Method::get;
  // As sent: "/path?query"; of an absolute URI, what stands behind the authority. Never logged whole.
  std::string target;
  std::string path;                                        // percent-decoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order, with duplicates
  HeaderList headers;                                      // of the header section; trailers are dropped
  std::string body;
  bool http11 = true;
  bool keep_alive = true;
  boost::asio::ip::address peer;  // the caller: the connection's other end, or whom a trusted proxy names
  bool by_proxy =
      false;  // the connection comes from a trusted proxy: what its headers say of the client counts
  bool over_loopback = false;  // the connection's other end is on this machine, whoever is behind it
  std::string id;              // X-Request-Id of the answer

  // First header of that name, compared without case; empty if there is none.
  std::string_view header(std::string_view field) const noexcept;
  std::size_t count(std::string_view field) const noexcept;
  bool has(std::string_view field) const noexcept { return count(field) != 0; }
  // True when a comma-separated list in any header of that name has the token, compared without case.
  bool has_token(std::string_view field, std::string_view token) const noexcept;

  // The target's path as sent, not decoded: what the router matches.
  std::string_view raw_path() const noexcept;

  std::optional<std::string_view> query_value(std::string_view key) const noexcept;  // the first
  std::size_t query_count(std::string_view key) const noexcept;

  // The Bearer token of Authorization: nothing if the header is absent; an empty view if the header is there
  // and not Bearer.
  std::optional<std::string_view> bearer() const noexcept;

  // Whether the headers say that the body is JSON, and there is one: for handlers that parse it elsewhere.
  // 415 and 400 as json_object().
  Result<> check_json() const;
  // The body as a JSON object: 415 unless Content-Type is application/json (or absent), 400 if it is no JSON
  // object.
  Result<json::object> json_object() const;

  // Makes the request empty, but keeps the memory that an ordinary request needs.
  void clear() noexcept;
};

}  // namespace corohub::http
