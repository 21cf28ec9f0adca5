#include "gateway/session/session_typing.hpp"

#include "core/log.hpp"
#include "gateway/session/session.hpp"

#include <new>

namespace corohub::gateway {
namespace {

// If there is no memory to tell the others now, they see by the time that the typing has ended.
template <class F>
void without_failing(F function) noexcept {
  try {
    function();
  } catch (const std::bad_alloc&) {
    log::error("session.out_of_memory");
  }
}

}  // namespace

void SessionTyping::ask(const RequestId& id, const SetTyping& asked) {
  const hub::Subscription* subscription = session_.subscription_to(asked.topic);
  if (subscription == nullptr)
    return session_.answer(id, Refusal{not_subscribed, "Who types in a topic is subscribed to it."});
  const hub::TopicRule& rule = *subscription->topic->rule;
  if (!rule.typing || !rule.may_publish(session_.identity().role))
    return session_.answer(id,
                           Refusal{name(ErrorCode::forbidden), "Nobody hears of your typing in this topic."});
  const SteadyTime now = session_.desk().shard.now();
  tell(asked.typing ? typing_.start(asked.topic, now) : typing_.stop(asked.topic));
  session_.answer(id, TypingNoted{asked.topic, asked.typing});
}

void SessionTyping::end(std::string_view topic) noexcept {
  without_failing([&] { tell(typing_.stop(topic)); });
}

void SessionTyping::end() noexcept {
  without_failing([&] { tell(typing_.stop()); });
}

void SessionTyping::on_due(SteadyTime now) noexcept {
  without_failing([&] { tell(typing_.pass(now)); });
}

void SessionTyping::tell(const Typing::Changes& changes) {
  Wheel& wheel = session_.desk().shard.wheel();
  if (const std::optional<SteadyTime> next = typing_.next())
    wheel.arm(*this, *next);
  else
    wheel.disarm(*this);
  for (const TypingChange& change : changes) {
    const hub::TopicRule* rule = session_.desk().settings.rules.find(change.topic);
    if (rule != nullptr)
      session_.desk().presence.publish_typing(change.topic, *rule, session_.identity().user_id,
                                              change.typing);
  }
}

}  // namespace corohub::gateway
