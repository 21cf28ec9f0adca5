#include "ingest/redis_channel.hpp"

#include "core/printable.hpp"

#include <utility>

namespace corohub::ingest {

RedisChannel::RedisChannel(const Parts& parts, std::string channel)
    : RedisLink(parts, "channel", {}), channel_(std::move(channel)) {}

Task<Failure> RedisChannel::converse(RedisWire& wire) {
  const Attempt<Reply> subscribed = co_await wire.ask(command({"SUBSCRIBE", channel_}));
  if (!subscribed) co_return subscribed.error();
  if (!subscribed->is_list(3) || subscribed->items[0].text != "subscribe")
    co_return Failure{"the channel is refused: " + printable(subscribed->text)};
  succeeded();
  Heartbeat heartbeat(std::chrono::steady_clock::now());
  for (;;) {
    Batch batch = take_messages(wire);
    if (!batch.empty()) {
      const bool stored = co_await feed().take(std::move(batch));
      if (!stored) co_return Failure{"stopped"};
      heartbeat.heard(std::chrono::steady_clock::now());
      continue;
    }
    const Attempt<bool> some = co_await wire.read(heartbeat.next());
    if (!some) co_return some.error();
    const SteadyTime now = std::chrono::steady_clock::now();
    if (*some) {
      heartbeat.heard(now);
      continue;
    }
    const Heartbeat::Action action = heartbeat.due(now);
    if (action == Heartbeat::Action::give_up) co_return Failure{"it says nothing any more"};
    if (action == Heartbeat::Action::wait) continue;
    const Attempt<> asked = co_await wire.send(command({"PING"}));
    if (!asked) co_return asked.error();
  }
}

// Of what was read: ["message", channel, text]; everything else is a sign of life.
Batch RedisChannel::take_messages(RedisWire& wire) const {
  Batch batch;
  while (std::optional<Reply> reply = wire.next())
    if (reply->is_list(3) && reply->items[0].text == "message")
      batch.push_back({parse_message(reply->items[2].text)});
  return batch;
}

}  // namespace corohub::ingest
