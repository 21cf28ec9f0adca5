// Who calls the routes of management: an administrator with an access token, or a service with its key. For
// routes with http::Access::holder.
#pragma once

#include "flags/author.hpp"
#include "flags/flags.hpp"
#include "http/router.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

struct Manager {
  users::Caller caller;
  std::optional<users::ServiceKeyId> service_key{};
  std::vector<std::string> scopes{};  // of the key

  // Whether it may do this in the namespace.
  bool may(Right right, std::string_view name_space) const noexcept;
  // Whether it may do this in some namespace.
  bool may_somewhere(Right right) const noexcept;
  Author author(Source source, std::string comment) const;
};

// Reads the credential (Authorization: Bearer, or X-API-Key, not both) and lets the request pay. Whether a
// key may do what it asks for is for may(). Errors: unauthorized, invalid_token, invalid_request, forbidden
// for a user who is no administrator, rate_limited.
Task<Result<Manager>> read_holder(const FlagsParts& parts, http::Context& context);

// The same for who may do this in some namespace: forbidden for a key that may not.
Task<Result<Manager>> read_manager_somewhere(FlagServices& services, http::Context& context, Right right);

// The same, and whether it may do this in the namespace that the path names, which need not exist, or in all
// if the path names none: forbidden.
Task<Result<Manager>> read_manager(FlagServices& services, http::Context& context, Right right);

Error no_scope();  // forbidden: the key may not do this

// ?comment=, for the audit row: at most so many code points, validation_failed.
inline constexpr std::size_t comment_max = 1'000;
Result<std::string> read_comment(const http::Request& request);

}  // namespace corohub::flags
