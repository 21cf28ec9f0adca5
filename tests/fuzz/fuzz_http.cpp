// The way of a stranger's bytes: read in pieces of any size, matched to a route, read as JSON. However the
// bytes are cut, the same requests must come out.
#include "http/fields.hpp"
#include "http/request_reader.hpp"
#include "http/router.hpp"
#include "http/target.hpp"
#include "support/head_fields.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace corohub::http;
using State = RequestReader::State;

const Router& router() {
  static Router instance;
  static const bool filled = [] {
    for (const char* pattern : {"/", "/ws", "/api/v1/users/me", "/api/v1/admin/users/{id}",
                                "/api/v1/admin/users/{id}/role", "/api/v1/auth/sessions/{id}"}) {
      instance.add(Method::get, pattern, Access::guest, {});
      instance.add(Method::post, pattern, Access::guest, {});
    }
    return true;
  }();
  static_cast<void>(filled);
  return instance;
}

void require(bool truth) {
  if (!truth) std::abort();
}

// What a handler would do with it.
std::string use(const Request& request) {
  const Router::Match match = router().match(request.method, request.raw_path());
  std::string seen(name(request.method));
  seen.append(" ").append(request.path).append(" ").append(request.body);
  for (const auto& [key, value] : match.params) seen.append(key).append("=").append(value);
  if (const auto object = request.json_object()) {
    Fields fields(*object);
    fields.text("name", {.min = 1, .max = 10, .trim = true});
    fields.integer("age", 0, 150);
    seen += fields.ok() ? "ok" : "refused";
  }
  require(redacted_target(request.target).size() < 8192);
  require(problem(corohub::Error(corohub::ErrorCode::not_found), request).status == 404);
  return seen;
}

// Beast has the second opinion on every head that was accepted.
void compare_with_beast(std::string_view head, const Request& request) {
  const auto opinion = corohub::http::read_by_beast(head);
  require(opinion.has_value());
  corohub::http::HeadFields fields;
  for (const Header header : request.headers) fields.emplace_back(header.name, header.value);
  require(corohub::test::by_name(opinion->fields) == corohub::test::by_name(fields));
}

// All requests in the bytes, shown in pieces of the sizes that `cuts` says (0: all at once).
std::string read(std::string_view bytes, std::string_view cuts) {
  ReadLimits limits;
  limits.max_body_bytes = 1024;
  RequestReader reader(limits);
  std::string seen;
  std::string inbound;
  for (std::size_t shown = 0, turn = 0; shown < bytes.size() && reader.state() != State::failed; ++turn) {
    const auto wanted =
        cuts.empty() ? bytes.size() : static_cast<unsigned char>(cuts[turn % cuts.size()]) + 1U;
    const std::string_view piece = bytes.substr(shown, wanted);
    shown += piece.size();
    inbound += piece;
    for (std::size_t used = 1; used > 0;) {
      const State before = reader.state();
      used = reader.feed(inbound);
      require(used <= inbound.size());
      if (before == State::head && reader.state() != before && reader.state() != State::failed)
        compare_with_beast(std::string_view(inbound).substr(0, used), reader.request());
      inbound.erase(0, used);
      require(reader.request().body.size() <= limits.max_body_bytes);
      if (reader.state() != State::complete) continue;
      seen += use(reader.request()) + "\n";
      reader.next();
    }
    require(inbound.size() <= limits.max_header_bytes || reader.state() == State::failed);
  }
  if (reader.state() == State::failed) seen += corohub::name(reader.error().code);
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut_count = std::min<std::size_t>(size, 4);
  const std::string_view bytes = input.substr(cut_count);
  require(read(bytes, {}) == read(bytes, input.substr(0, cut_count)));
  return 0;
}
