// Names of topics, and who may do what in them: the [[topic]] rules of the configuration. Pure; once made,
// safe from any thread.
#pragma once

#include "core/account.hpp"
#include "hub/audience.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::hub {

inline constexpr std::size_t topic_bytes_max = 255;

// Segments of [A-Za-z0-9._:-]+, none of them "." or "..", joined by '/'; at most 255 bytes. Below
// editing/flags/, where keys of flags stand, with '@', too.
bool is_topic(std::string_view text) noexcept;
// The same with "*" for one segment and, as the last one, "**" for any rest of at least one.
bool is_topic_pattern(std::string_view text) noexcept;
bool matches_topic(std::string_view pattern, std::string_view topic) noexcept;
// Whether `topic` is `root` and one segment more.
bool is_one_level_below(std::string_view root, std::string_view topic) noexcept;

enum class PresenceMode : std::uint8_t { off, count, list };

struct TopicRule {
  std::string pattern;
  std::uint8_t subscribers = 0;        // a bit per role (role_bit): who may subscribe and read
  std::uint8_t publishers = 0;         // and who may publish
  std::uint32_t history_count = 0;     // events that can be read again; 0: none is kept
  std::chrono::seconds history_age{};  // and how old they may be; 0: any age
  PresenceMode presence = PresenceMode::off;
  bool typing = false;
  std::uint32_t bytes_max = 0;  // of a whole message; 0: what is allowed everywhere
  bool by_server_only = false;  // nobody but the server publishes there, whatever somebody may elsewhere
  bool gathers = false;         // its subscribers hear the topics one level below it, too
  bool is_second = false;       // what the log keeps comes here as a second topic alone

  bool durable() const noexcept { return history_count > 0; }
  // Whether the log may have what a subscriber has missed here.
  bool can_resume() const noexcept { return durable() || is_second; }
  bool may_subscribe(Role role) const noexcept { return (subscribers & role_bit(role)) != 0; }
  bool may_publish(Role role) const noexcept { return (publishers & role_bit(role)) != 0; }
};

class TopicRules {
 public:
  // rooms/* for every user, public/* read by every user and written by admins, admin/** for admins.
  static std::vector<TopicRule> defaults();

  // `gateway_readers`: a bit per role that may subscribe to what gateways of APIs are told.
  explicit TopicRules(std::vector<TopicRule> rules = defaults(),
                      std::uint8_t gateway_readers = Audience::admin_bits);

  // The first that matches; null: nobody may anything there, as in the topics reserved for the server. Some
  // of those have rules of their own, and their history lasts as long as the log keeps it. Admins write in
  // proxy_config_events, and its readers read. Only the server writes in flags, flags/* and flags/*/*, of
  // which flags gathers what is in flags/*; every role may read there as far as the rule says, and what else
  // it takes is for those who know of flags. platform/*, feature/* and package/* show administrators the
  // events of one of these, platform, feature and package those of all of a kind, activity each row of the
  // audit trail, and editing/flags/*/* who of them works on a flag.
  const TopicRule* find(std::string_view topic) const noexcept;
  // The same for somebody who wants to subscribe or to read; null as well if this role may not.
  const TopicRule* readable(std::string_view topic, Role role) const noexcept {
    const TopicRule* rule = find(topic);
    return rule != nullptr && rule->may_subscribe(role) ? rule : nullptr;
  }
  const std::vector<TopicRule>& rules() const noexcept { return rules_; }
  // Whose connections and what is kept for them: of every event of that topic.
  Audience gateways() const noexcept { return {.roles = reserved_.front().subscribers}; }

 private:
  std::vector<TopicRule> rules_;
  std::vector<TopicRule> reserved_;  // the server's own: that of gateways, and those of flags
};

// In which the server says how it is, to those who asked to hear that, and what it tells everyone, who are in
// no audience, too. Its rule is found by nobody's search.
inline constexpr std::string_view server_status_topic = "system";
const TopicRule& rule_of_server_status();
// Of a topic that somebody has been found to be allowed to read.
const TopicRule& rule_of(const TopicRules& rules, std::string_view readable_topic) noexcept;

// In which gateways of APIs are told what has changed.
inline constexpr std::string_view gateway_topic = "proxy_config_events";

// Topics only the server itself will publish in: flags, system, user/…
bool is_reserved_topic(std::string_view topic) noexcept;
// Types of events only the server makes: user.*, typing, reply, …
bool is_reserved_type(std::string_view type) noexcept;
// What a client may call the type of an event: 1 to 64 of [A-Za-z0-9._:-].
bool is_event_type(std::string_view text) noexcept;

}  // namespace corohub::hub
