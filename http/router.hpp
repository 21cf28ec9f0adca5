// Method and path to handler; the one table from which 404, 405, HEAD, OPTIONS, rights and the check of the
// OpenAPI document follow. Built once before serving, then read from every shard.
#pragma once

#include "auth/authenticator.hpp"
#include "auth/principal.hpp"
#include "http/request.hpp"
#include "http/request_rate.hpp"
#include "http/response.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace corohub::http {

class PeerWatch;

// Who may call a route: checked before the body is read and before the handler runs.
enum class Access : std::uint8_t {
  probe,   // anyone, as often as they like: what a load balancer asks, or what sets limits of its own
  guest,   // anyone; a credential is not looked at
  holder,  // whoever has a credential that only the handler can read (a ticket); it calls Context::charge
  user,    // a valid access token: else 401
  admin,   // role admin or superadmin: else 403 "admin access required"
};

// What a handler is given. Lives until the handler's task has ended; shard's thread only.
struct Context {
  const Request& request;
  std::size_t shard = 0;                                         // index of the shard this runs on
  auth::Authenticator& authenticator;                            // of that shard
  std::optional<auth::Principal> principal;                      // set unless the route is for guests
  std::vector<std::pair<std::string_view, std::string>> params;  // {id} -> text
  bool exempt = false;                                           // the caller is in limits.exempt_cidrs
  RequestRate* rate = nullptr;                                   // null: nothing is counted
  std::optional<UserId> charged{};                               // who pays; nobody yet: the caller's address
  PeerWatch* peer_watch = nullptr;                               // null while nothing waits
  bool spared = false;                                           // see spare()

  // The request is this user's: it counts for him and not for his address, which others share. For holders,
  // and for guests who have proved themselves (a login). rate_limited.
  Result<> charge(UserId user);
  // For holders: nobody is counted for this request, because what it belongs to (a session) has limits of its
  // own.
  void spare() noexcept { spared = true; }

  std::string_view param(std::string_view key) const noexcept;
  // A path parameter that must be a positive integer; not_found otherwise.
  Result<std::int64_t> id_param(std::string_view key) const;
  // For a Handler that waits for more than our own work: `then` is called once when the client has ended its
  // side, so that nothing waits for it any more. It may still read the answer. At most one `then` per
  // request; it must not throw, and is not called after the handler's end.
  void on_peer_end(std::function<void()> then);
};

using Handler = std::function<Task<Response>(Context&)>;
// Answers without waiting for anything, or with nothing when that can't be done; then the Handler is asked.
// Saves the coroutines of requests that memory can answer.
using PromptHandler = std::function<std::optional<Response>(Context&)>;

// What foreign protocols over HTTP need otherwise than our own. All routes of one path have the same.
struct RouteOptions {
  std::size_t body_max = 0;  // bytes; 0: the server's
  // May the page of this request's Origin read the answer, with credentials? In place of the server's own
  // rule; what pages may do is then told to them for a year, and an Origin that may not is 403 to OPTIONS.
  std::function<bool(const Request&)> cors = {};
  bool log_pattern = false;   // the log shows the pattern: ids in the path are secrets
  bool plain_errors = false;  // what goes wrong before the handler is a short text, and 405 has no body
};

struct Route {
  Method method = Method::get;
  std::string pattern;  // "/api/v1/admin/users/{id}", "/api/v1/topics/{topic...}/events"
  Access access = Access::guest;
  Handler handler;
  PromptHandler prompt = {};  // may be empty
  RouteOptions options = {};
};

class Router {
 public:
  Router();
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // A pattern is literal segments, {parameters}, and at most one {parameter...} for one segment or more. The
  // same method and pattern twice is a bug (std::logic_error).
  void add(Method method, std::string pattern, Access access, Handler handler, PromptHandler prompt = {},
           RouteOptions options = {});

  struct Match {
    const Route* route = nullptr;    // null: none for this method
    const Route* of_path = nullptr;  // any route of this path, for its options; null: no such path
    std::string_view allow;          // the methods of this path, for 405 and OPTIONS; empty: no such path
    std::vector<std::pair<std::string_view, std::string>> params;
  };
  // `path` as sent, without the query: each segment is decoded on its own, so that an encoded slash stays
  // inside its parameter. A literal segment beats a parameter, and that one of many segments, which takes all
  // it can; a trailing slash makes another path. HEAD finds GET's route.
  Match match(Method method, std::string_view path) const;

  const std::vector<Route>& routes() const noexcept { return routes_; }

 private:
  struct Node;
  const Node* find(const Node& node, std::string_view rest, std::vector<std::string>& captured) const;
  const Node* find_behind_rest(const Node& node, std::string_view path,
                               std::vector<std::string>& captured) const;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  std::vector<Route> routes_;
  std::unique_ptr<Node> root_;                                                   // one level per segment
  std::unordered_map<std::string, const Node*, Hash, std::equal_to<>> literal_;  // without any parameter
};

// An error of a handler as its response: `co_return fail(error, context)`.
inline Response fail(const Error& error, const Context& context) { return problem(error, context.request); }

}  // namespace corohub::http
