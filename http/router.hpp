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
  probe,   // anyone, as often as they like: for load balancers, and for routes with limits of their own
  guest,   // anyone; a credential is not looked at
  holder,  // a caller with a credential that only the handler can read (a ticket); the handler calls
           // Context::charge
  user,    // a valid access token: else 401
  admin,   // role admin or superadmin: else 403 "admin access required"
};

// {id} -> text, in the order of the path.
using PathParams = std::vector<std::pair<std::string_view, std::string>>;

// What a handler is given. Lives until the handler's task has ended; shard's thread only.
struct Context {
  const Request& request;
  std::size_t shard = 0;                     // index of the shard this runs on
  auth::Authenticator& authenticator;        // of that shard
  std::optional<auth::Principal> principal;  // set unless the route is for guests
  PathParams params;
  bool exempt = false;              // the caller is in limits.exempt_cidrs
  RequestRate* rate = nullptr;      // null: requests are not counted
  std::optional<UserId> charged{};  // who pays; nobody yet: the caller's address
  PeerWatch* peer_watch = nullptr;  // null while nothing waits
  bool spared = false;              // see spare()
  bool patient = false;             // the handler waits for more than our own work

  // Counts the request for this user instead of the address, which others share. For holders, and for guests
  // who have proved to be a user (a login). rate_limited.
  Result<> charge(UserId user);
  // For holders: counts it for the address now, before something is made for somebody who is no user.
  // rate_limited.
  Result<> charge_address();
  // For holders: nobody pays for this request, because it belongs to something (a session) that has limits of
  // its own.
  void spare() noexcept { spared = true; }

  std::string_view param(std::string_view key) const noexcept;
  // A path parameter that must be a positive integer; not_found otherwise.
  Result<std::int64_t> id_param(std::string_view key) const;
  // For a handler that waits for more than our own work: `then` is called once when the client has ended its
  // side, so that nothing waits for the client any more. The client may still read the answer. At most one
  // `then` per request; it must not throw, and is not called after the handler's end.
  void on_peer_end(std::function<void()> then);
};

using Handler = std::function<Task<Response>(Context&)>;
// Answers without waiting for anything, or answers nothing when that cannot be done; then the Handler is
// asked. This saves the coroutines of requests that memory can answer.
using PromptHandler = std::function<std::optional<Response>(Context&)>;

// What foreign protocols over HTTP need that our own does not. All routes of one path have the same options.
struct RouteOptions {
  std::size_t body_max = 0;  // bytes; 0: as the server's settings say
  // Whether the page of this request's Origin may read the answer, with credentials. It replaces the server's
  // own rule; browsers then remember for a year what pages may do, and OPTIONS answers 403 to an Origin that
  // may not.
  std::function<bool(const Request&)> cors = {};
  bool log_pattern = false;   // the log shows the pattern: ids in the path are secrets
  bool plain_errors = false;  // an error before the handler is a short text, and 405 has no body
  // How an error before the handler is said otherwise; null: as a problem document.
  std::function<Response(const Error&, const Request&)> problem{};
  // Whether there is a path with these parameters; false: 404, whatever the method.
  std::function<bool(const PathParams&)> exists = {};
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

  // Adds a route. A pattern is literal segments, {parameters}, and at most one {parameter...} for one segment
  // or more. The same method and pattern twice is a bug (std::logic_error).
  void add(Method method, std::string pattern, Access access, Handler handler, PromptHandler prompt = {},
           RouteOptions options = {});

  // Paths that begin with `prefix` and are no route's are answered with 404 in the way these options say.
  void cover(std::string prefix, RouteOptions options);

  struct Match {
    const Route* route = nullptr;    // null: none for this method
    const Route* of_path = nullptr;  // any route of this path, or what covers it, for its options
    std::string_view allow;          // the methods of this path, for 405 and OPTIONS; empty: no such path
    PathParams params;
  };
  // Finds the route of a path, which is given as sent, without the query: each segment is decoded on its own,
  // so that an encoded slash stays inside its parameter. A literal segment beats a parameter, and a parameter
  // beats one of many segments, which takes as many as it can; a trailing slash makes another path. HEAD
  // finds GET's route.
  Match match(Method method, std::string_view path) const;

  const std::vector<Route>& routes() const noexcept { return routes_; }

 private:
  struct Node;
  const Node* find(const Node& node, std::string_view rest, std::vector<std::string>& captured) const;
  const Node* find_behind_rest(const Node& node, std::string_view path,
                               std::vector<std::string>& captured) const;
  const Route* cover_of(std::string_view path) const noexcept;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  std::vector<Route> routes_;
  std::unique_ptr<Node> root_;                                                   // one level per segment
  std::unordered_map<std::string, const Node*, Hash, std::equal_to<>> literal_;  // without any parameter
  std::vector<Route> covers_;  // their patterns are prefixes
};

// Turns an error of a handler into its response: `co_return fail(error, context)`.
inline Response fail(const Error& error, const Context& context) { return problem(error, context.request); }

}  // namespace corohub::http
