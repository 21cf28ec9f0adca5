#include "http/router.hpp"

#include "core/encoding.hpp"
#include "http/peer_watch.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>

namespace corohub::http {
namespace {

constexpr std::size_t method_count = static_cast<std::size_t>(Method::other);
constexpr std::size_t no_route = std::numeric_limits<std::size_t>::max();

bool is_parameter(std::string_view segment) noexcept {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// {name...}: one segment or more.
bool is_rest(std::string_view segment) noexcept {
  return is_parameter(segment) && segment.size() > 5 && segment.ends_with("...}");
}

std::string_view name_of(std::string_view parameter) noexcept {
  return parameter.substr(1, parameter.size() - (is_rest(parameter) ? 5 : 2));
}

// The first segment of "/a/b" is "a" and leaves "/b".
std::string_view first_segment(std::string_view& rest) noexcept {
  rest.remove_prefix(1);
  const std::size_t end = std::min(rest.find('/'), rest.size());
  const std::string_view segment = rest.substr(0, end);
  rest.remove_prefix(end);
  return segment;
}

PathParams params_of(const Route& route, std::vector<std::string> captured) {
  PathParams params;
  std::size_t next = 0;
  for (std::string_view rest = route.pattern; !rest.empty();) {
    const std::string_view segment = first_segment(rest);
    if (is_parameter(segment)) params.emplace_back(name_of(segment), std::move(captured[next++]));
  }
  return params;
}

}  // namespace

struct Router::Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;
  std::unique_ptr<Node> parameter;
  std::unique_ptr<Node> rest;                    // behind as many segments as the rest of a pattern leaves
  std::array<std::size_t, method_count> routes;  // index into routes_
  std::size_t any_route = no_route;              // any route of this path; no_route: no path ends here
  std::string allow;                             // the methods of this path

  Node() { routes.fill(no_route); }

  Node& child(std::string_view segment) {
    if (is_parameter(segment)) {
      std::unique_ptr<Node>& one = is_rest(segment) ? rest : parameter;
      if (!one) one = std::make_unique<Node>();
      return *one;
    }
    for (auto& [text, node] : literals)
      if (text == segment) return *node;
    return *literals.emplace_back(segment, std::make_unique<Node>()).second;
  }

  std::size_t route(Method method) const noexcept {
    if (method == Method::other) return no_route;
    return routes[static_cast<std::size_t>(method)];
  }

  std::string methods() const {
    std::string list;
    const auto append = [&](Method method) { list.append(list.empty() ? "" : ", ").append(name(method)); };
    for (std::size_t i = 0; i < method_count; ++i) {
      const auto method = static_cast<Method>(i);
      const bool by_get = method == Method::head && route(Method::get) != no_route;
      if (routes[i] != no_route || by_get || method == Method::options) append(method);
    }
    return list;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

void Router::add(Method method, std::string pattern, Access access, Handler handler, PromptHandler prompt,
                 RouteOptions options) {
  if (method == Method::other || !pattern.starts_with('/'))
    throw std::logic_error("no route can be " + pattern);
  Node* node = root_.get();
  int rests = 0;
  for (std::string_view rest = pattern; !rest.empty();) {
    const std::string_view segment = first_segment(rest);
    // With two of them a long path could be cut in very many ways.
    if (is_rest(segment) && ++rests > 1) throw std::logic_error("two rests in " + pattern);
    node = &node->child(segment);
  }
  std::size_t& slot = node->routes[static_cast<std::size_t>(method)];
  if (slot != no_route) throw std::logic_error("two routes for " + std::string(name(method)) + " " + pattern);
  slot = node->any_route = routes_.size();
  node->allow = node->methods();
  if (pattern.find_first_of("{%") == std::string::npos) literal_[pattern] = node;
  routes_.push_back(
      {method, std::move(pattern), access, std::move(handler), std::move(prompt), std::move(options)});
}

// The node of the path; `captured` has the parameters' texts in order. Goes back to a parameter where a
// literal leads nowhere.
const Router::Node* Router::find(const Node& node, std::string_view rest,
                                 std::vector<std::string>& captured) const {
  if (rest.empty()) return node.any_route != no_route ? &node : nullptr;
  const std::string_view whole = rest;
  const std::optional<std::string> segment = percent_decode(first_segment(rest));
  if (!segment) return nullptr;
  for (const auto& [text, child] : node.literals) {
    if (text != *segment) continue;
    if (const Node* found = find(*child, rest, captured)) return found;
  }
  if (segment->empty()) return nullptr;
  if (node.parameter) {
    captured.push_back(*segment);
    if (const Node* found = find(*node.parameter, rest, captured)) return found;
    captured.pop_back();
  }
  return node.rest ? find_behind_rest(*node.rest, whole, captured) : nullptr;
}

// The node of the path behind as many of its first segments as possible, and at least one.
const Router::Node* Router::find_behind_rest(const Node& node, std::string_view path,
                                             std::vector<std::string>& captured) const {
  struct Cut {
    std::size_t taken;  // of the decoded segments, joined
    std::string_view left;
  };
  std::vector<Cut> cuts;
  std::string joined;
  while (!path.empty()) {
    const std::optional<std::string> segment = percent_decode(first_segment(path));
    if (!segment || segment->empty()) break;
    joined.append(joined.empty() ? "" : "/").append(*segment);
    cuts.push_back({joined.size(), path});
  }
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
    captured.push_back(joined.substr(0, cut->taken));
    if (const Node* found = find(node, cut->left, captured)) return found;
    captured.pop_back();
  }
  return nullptr;
}

Router::Match Router::match(Method method, std::string_view path) const {
  Match match;
  if (!path.starts_with('/')) return match;
  std::vector<std::string> captured;
  // A pattern of literals alone beats every other, and needs no decoding when the path is written as the
  // pattern.
  const auto literal = literal_.find(path);
  const Node* node = literal != literal_.end() ? literal->second : find(*root_, path, captured);
  if (node == nullptr) {
    match.of_path = cover_of(path);
    return match;
  }
  match.of_path = &routes_[node->any_route];
  if (const auto& exists = match.of_path->options.exists;
      exists && !exists(params_of(*match.of_path, captured)))
    return match;
  match.allow = node->allow;
  std::size_t route = node->route(method);
  if (route == no_route && method == Method::head) route = node->route(Method::get);
  if (route == no_route) return match;

  match.route = &routes_[route];
  if (!captured.empty()) match.params = params_of(*match.route, std::move(captured));
  return match;
}

void Router::cover(std::string prefix, RouteOptions options) {
  covers_.push_back({Method::other, std::move(prefix), Access::guest, {}, {}, std::move(options)});
}

const Route* Router::cover_of(std::string_view path) const noexcept {
  const auto covers = [&](const Route& cover) { return path.starts_with(cover.pattern); };
  const auto found = std::ranges::find_if(covers_, covers);
  return found == covers_.end() ? nullptr : &*found;
}

Result<> Context::charge(UserId user) {
  charged = user;
  return exempt || rate == nullptr ? Result<>() : rate->take(user);
}

Result<> Context::charge_address() {
  spared = true;
  return exempt || rate == nullptr ? Result<>() : rate->take(request.peer);
}

std::string_view Context::param(std::string_view key) const noexcept {
  for (const auto& [name, value] : params)
    if (name == key) return value;
  return {};
}

void Context::on_peer_end(std::function<void()> then) {
  patient = true;
  if (peer_watch != nullptr) peer_watch->on_end(std::move(then));
}

Result<std::int64_t> Context::id_param(std::string_view key) const {
  const std::string_view text = param(key);
  std::int64_t id = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool canonical =
      failure == std::errc() && end == text.data() + text.size() && id > 0 && text[0] != '0';
  if (!canonical) return Error(ErrorCode::not_found, "There is nothing with this id.");
  return id;
}

}  // namespace corohub::http
