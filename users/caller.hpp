// Who asks for a change, and from where: what audit rows and the list of logins say of the caller. A plain
// value.
#pragma once

#include "core/account.hpp"

#include <optional>
#include <string>

namespace corohub::users {

struct Caller {
  std::optional<UserId> user_id;  // null: the command line, or a guest
  std::string ip;                 // empty: the command line
  std::string network;            // of the address (auth::network_key); empty: the command line
  std::string user_agent;         // cut, printable
  std::string request_id;
  bool command_line = false;  // the owner of the data directory: every right, but the last superadmin stays
  bool exempt = false;        // no limits of rate and no back-off

  static Caller operator_of_this_machine() {
    Caller caller;
    caller.command_line = true;
    return caller;
  }
};

}  // namespace corohub::users
