#include "gateway/stomp/subscriptions.hpp"

#include "core/position.hpp"
#include "gateway/session/event_query.hpp"
#include "gateway/stomp/body.hpp"
#include "hub/event.hpp"
#include "hub/type_filter.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

namespace corohub::gateway::stomp {

// Nothing is sent again, so a subscription's messages need no names of their own to be acknowledged by.
FrameWriter begin_message(Version version, const Subscription& subscription) {
  FrameWriter text(version, "MESSAGE");
  if (!subscription.id.empty()) text.header("subscription", subscription.id);
  text.header("destination", subscription.destination);
  if (subscription.acknowledges) text.header("ack", std::to_string(subscription.label));
  return text;
}

const Subscription* Subscriptions::add(Subscription subscription) {
  if (const Subscription* same = find(subscription.id, subscription.destination)) {
    if (!same->is_revoked) return nullptr;
    remove(same->label);
  }
  if (!make_room(count_max)) return nullptr;
  subscription.label = ++last_label_;
  return &all_.emplace_back(std::move(subscription));
}

bool Subscriptions::make_room(std::size_t most) noexcept {
  const auto counted = static_cast<std::size_t>(std::ranges::count(all_, false, &Subscription::made_room));
  if (counted < most) return true;
  const auto ended =
      std::ranges::find_if(all_, [](const Subscription& one) { return one.is_revoked && !one.made_room; });
  if (ended == all_.end()) return false;
  ended->made_room = true;
  forget_oldest();
  return counted - 1 < most;
}

void Subscriptions::forget_oldest() noexcept {
  if (std::ranges::count(all_, true, &Subscription::made_room) <= std::ptrdiff_t{made_room_max}) return;
  all_.erase(std::ranges::find(all_, true, &Subscription::made_room));
}

void Subscriptions::remove(std::uint32_t label) noexcept {
  std::erase_if(all_, [label](const Subscription& one) { return one.label == label; });
  if (all_.empty()) all_.shrink_to_fit();
}

Subscription* Subscriptions::find(std::string_view id, std::string_view destination) noexcept {
  const auto found = std::ranges::find_if(all_, [&](const Subscription& one) {
    return one.id == id && (!id.empty() || one.destination == destination);
  });
  return found == all_.end() ? nullptr : &*found;
}

Subscription* Subscriptions::find(std::uint32_t label) noexcept {
  const auto found = std::ranges::find(all_, label, &Subscription::label);
  return found == all_.end() ? nullptr : &*found;
}

bool Subscriptions::has_listener() const noexcept {
  return std::ranges::any_of(
      all_, [](const Subscription& one) { return one.place().kind == Destination::Kind::answers; });
}

namespace {

class Filter final : public hub::EventFilter {
 public:
  Filter(bool of_messages, std::vector<std::string> types)
      : of_messages_(of_messages), types_(std::move(types)) {}

  bool wants(const hub::Event& event) const noexcept override {
    if (of_messages_ && is_for_all(event)) return false;
    if (!types_.empty()) return hub::matches_types(event.type(), types_);
    return !event.type().starts_with("presence.") && event.type() != "typing";
  }
  std::vector<std::string> types() const override { return types_; }

 private:
  const bool of_messages_;
  const std::vector<std::string> types_;
};

}  // namespace

hub::EventFilterRef filter_of(Destination::Kind kind, std::vector<std::string> types) {
  static const hub::EventFilterRef usual_of_topics =
      std::make_shared<const Filter>(false, std::vector<std::string>());
  const bool of_messages = kind == Destination::Kind::messages;
  if (!of_messages && types.empty()) return usual_of_topics;
  return std::make_shared<const Filter>(of_messages, std::move(types));
}

Understood<SubscribeFrame> read_subscribe(const ClientFrame& frame, Version version) {
  const auto invalid = [](const char* why) { return Refusal{"invalid_message", why}; };
  const Headers& headers = frame.headers;
  if (headers.find("selector")) return invalid("There are no selectors here.");
  Subscription asked{std::string(headers.value("id")), std::string(headers.value("destination"))};
  if (asked.destination.empty()) return invalid("SUBSCRIBE needs a destination.");
  if (asked.id.empty() && version != Version::v1_0) return invalid("SUBSCRIBE needs an id.");
  if (asked.id.size() > Subscriptions::id_bytes_max) return invalid("The id is too long.");
  const std::string_view ack = headers.find("ack").value_or("auto");
  if (ack != "auto" && ack != "client" && ack != "client-individual")
    return invalid("ack is auto, client or client-individual.");
  asked.acknowledges = ack != "auto";

  const Destination place = asked.place();
  if (place.kind == Destination::Kind::unknown || place.kind == Destination::Kind::app)
    return Refusal{"invalid_topic", "There is no such destination to subscribe to."};
  Subscribe command{.topic = std::string(place.name)};
  command.server_status = place.kind == Destination::Kind::system;
  if (const auto since = headers.find("since")) {
    Result<Position> position = parse_position(*since);
    if (!position) return refusal_of(position.error());
    command.since = std::move(*position);
    asked.resumes = true;
  }
  Result<std::vector<std::string>> types = read_type_patterns(headers.value("types"));
  if (!types) return refusal_of(types.error());
  command.filter = filter_of(place.kind, std::move(*types));
  return SubscribeFrame{std::move(asked), std::move(command)};
}

}  // namespace corohub::gateway::stomp
