// GET /api/v1/events: the log as the caller may see it, page by page.
#include "gateway/state.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

constexpr std::size_t limit_max = 300;
constexpr std::size_t limit_default = 100;
constexpr std::size_t patterns_max = 32;
constexpr std::size_t pattern_bytes_max = 64;
// One request looks at so many pages of the log, and answers about so much text.
constexpr int pages_per_request = 32;
constexpr std::size_t answer_bytes = 1 << 20;

struct Asked {
  std::optional<Position> since;
  std::size_t limit = limit_default;
  std::vector<std::string> types;
};

Result<std::size_t> read_limit(const http::Request& request) {
  const std::optional<std::string_view> text = request.query_value("limit");
  if (!text) return limit_default;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  const bool number = error == std::errc() && end == text->data() + text->size();
  if (number && limit >= 1 && limit <= limit_max) return limit;
  return Error(ErrorCode::validation_failed, "The query has invalid values.")
      .at("/limit", number ? "out_of_range" : "invalid_type", "Must be an integer from 1 to 300.");
}

bool is_pattern(std::string_view text) noexcept {
  const auto is_pattern_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '*';
  };
  return !text.empty() && text.size() <= pattern_bytes_max && std::ranges::all_of(text, is_pattern_char);
}

Result<std::vector<std::string>> read_types(const http::Request& request) {
  std::vector<std::string> patterns;
  std::string_view rest = request.query_value("types").value_or("");
  while (!rest.empty()) {
    const std::string_view pattern = http::cut(rest, ',');
    if (!is_pattern(pattern) || patterns.size() == patterns_max)
      return Error(ErrorCode::invalid_request, "types must be a list like user.*,system.alert.");
    patterns.emplace_back(pattern);
  }
  return patterns;
}

Result<Asked> read_query(const http::Request& request) {
  Asked asked;
  if (const auto since = request.query_value("since")) {
    const Result<Position> position = parse_position(*since);
    if (!position) return position.error();
    asked.since = *position;
  }
  const Result<std::size_t> limit = read_limit(request);
  if (!limit) return limit.error();
  Result<std::vector<std::string>> types = read_types(request);
  if (!types) return types.error();
  asked.limit = *limit;
  asked.types = std::move(*types);
  return asked;
}

// 410: where the log begins to make sense again is its head.
Response gap(const Context& context, const Position& head, std::string detail) {
  Response response = http::fail(Error(ErrorCode::gap, std::move(detail)), context);
  json::object body = json::parse(response.body).as_object();
  body["head"] = head.text();
  response.body = json::serialize(body);
  return std::move(response).at(head);
}

std::optional<std::string> gap_before(const Asked& asked, const eventlog::Page& first,
                                      const std::string& epoch) {
  if (!asked.since) return std::nullopt;
  if (!asked.since->epoch.empty() && asked.since->epoch != epoch) return "The position is of another log.";
  if (asked.since->seq > first.head) return "The position is ahead of the log.";
  if (asked.since->seq < first.floor) return "Events after this position have expired.";
  return std::nullopt;
}

// The list is made of the events' own text: exactly what a WebSocket was sent.
class EventList {
 public:
  void add(const eventlog::Page& page) {
    for (const hub::EventRef& event : page.events) {
      if (count_++ > 0) text_ += ',';
      text_ += event->text();
    }
  }
  std::size_t count() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return text_.size(); }

  std::string body(const Position& next, bool more) const {
    json::object meta;
    meta["epoch"] = next.epoch;
    meta["next"] = next.text();
    meta["more"] = more;
    return R"({"success":true,"data":[)" + text_ + R"(],"meta":)" + json::serialize(meta) + "}";
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

Task<Result<eventlog::Page>> read_one(GatewayState& state, eventlog::PageRequest request) {
  auto read = [request = std::move(request)](storage::Snapshot& snapshot) {
    return eventlog::read_page(snapshot, request);
  };
  co_return co_await state.parts.readers.read(std::move(read));
}

Task<Response> get_events(GatewayState& state, Context& context) {
  const Result<Asked> asked = read_query(context.request);
  if (!asked) co_return http::fail(asked.error(), context);

  EventList list;
  eventlog::Page page;
  page.next = asked->since ? asked->since->seq : 0;
  for (int pages = 0; pages < pages_per_request; ++pages) {
    // Audience is judged now, for every page.
    const Result<auth::Principal> reader = context.authenticator.check_again(*context.principal);
    if (!reader) co_return http::fail(reader.error(), context);
    eventlog::PageRequest request{page.next,
                                  {reader->user_id(), reader->role(), reader->session},
                                  asked->limit - list.count(),
                                  asked->types};
    Result<eventlog::Page> read = co_await read_one(state, std::move(request));
    if (!read) co_return http::fail(read.error(), context);
    page = std::move(*read);
    if (pages == 0)
      if (const auto why = gap_before(*asked, page, state.parts.epoch))
        co_return gap(context, {state.parts.epoch, page.head}, *why);
    list.add(page);
    if (!page.more || list.count() >= asked->limit || list.bytes() >= answer_bytes) break;
  }
  if (const auto reader = context.authenticator.check_again(*context.principal); !reader)
    co_return http::fail(reader.error(), context);

  const Position next{state.parts.epoch, page.next};
  Response response;
  response.body = list.body(next, page.more);
  co_return std::move(response).at(next);
}

}  // namespace

void add_event_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/v1/events", http::Access::user, get_events);
}

}  // namespace corohub::gateway
