// What a document says of a flag's identity: all of it of a flag that is new, and single members of one that
// is there. Pure.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "flags/evaluation/environment.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

class IdentityPatch {
 public:
  // Reads the object, whose place is `at`. Errors: those of patch_identity().
  static Result<IdentityPatch> read(std::string key, const Definition& definition, const json::object& given,
                                    std::string at);
  static IdentityPatch all_of(const FlagIdentity& identity);

  // The identity of a flag that is there, or of a new one.
  FlagIdentity over(const FlagIdentity* existing) const;

 private:
  explicit IdentityPatch(FlagIdentity identity) : identity_(std::move(identity)) {}

  FlagIdentity identity_;               // what is said, over the defaults
  std::vector<std::string_view> said_;  // names of members, literals
};

}  // namespace corohub::flags
