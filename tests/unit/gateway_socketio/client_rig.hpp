// Seats of the namespace `/client`, and what they are told.
#pragma once

#include "gateway/socketio/client.hpp"
#include "seat_rig.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace corohub::gateway::socketio::test {

inline const std::string at = "2026-01-06T10:30:01.123Z";
inline const std::string in_bep = R"({"namespace":"bep"})";

inline std::string view(int id, const std::string& key, const char* value, const std::string& limits = "{}") {
  const bool on = value == std::string_view("true");
  return R"({"id":)" + std::to_string(id) + R"(,"feature_key":")" + key + R"(","display_name":")" + key +
         R"(","is_enabled":)" + value + R"(,"value":)" + value + R"(,"variant":")" + (on ? "on" : "off") +
         R"(","reason":"STATIC","parent_id":null,"limits":)" + limits + "}";
}

class ClientTest : public testing::Test {
 protected:
  // The user 1, who is the client 5 if that is there.
  Carrier& come(const std::string& auth = in_bep, std::optional<Seq> offset = {}) {
    Carrier* const one = rig_.connect(*vocabulary_, rig_.user(1, Role::user), auth, offset);
    if (one == nullptr) throw std::runtime_error(rig_.refused);
    return *one;
  }
  void pass() { rig_.pass(std::chrono::milliseconds(300)); }
  // What has come, by the names and, of a config_sync, the reason. Of views it may be told at any time.
  static std::string names_told(Carrier& client) {
    std::string names;
    for (const std::string& packet : client.take()) {
      const json::value event = parse_json(packet.substr(packet.find('['))).value();
      const std::string name(event.at(0).as_string());
      if (name == "feature_update") continue;
      names += (names.empty() ? "" : " ") + name;
      if (name == "config_sync") names += ":" + json_text(event.at(1).at("reason"));
    }
    return names;
  }
  static hub::EventDraft of_client(const std::string& type, const std::string& changes, UserId user,
                                   const std::string& more = {}) {
    hub::EventDraft draft = SeatRig::about(type, 5, changes, R"(,"client":5)" + more);
    draft.audience.user_id = user;
    return draft;
  }
  static hub::EventDraft sync(const std::string& whom) {
    hub::EventDraft draft{"config.sync", R"({"namespace":"bep","client":null,"reason":"r"})",
                          hub::Audience::clients()};
    draft.attributes = R"({"for":{"namespace":3)" + whom + "}}";
    return draft;
  }

  SeatRig rig_;
  const std::unique_ptr<const Vocabulary> vocabulary_ = client_vocabulary(rig_.parts);
};

}  // namespace corohub::gateway::socketio::test
