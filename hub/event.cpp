#include "hub/event.hpp"

#include "hub/topic_rules.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>

namespace corohub::hub {
namespace {

// `data_at`: where the data begins.
std::string message_text(const EventDraft& draft, Seq seq, UnixMs time, std::size_t& data_at) {
  std::string text;
  text.reserve(draft.type.size() + draft.data.size() + draft.topic.size() + 112);
  text += R"({"type":)";
  text += boost::json::serialize(boost::json::string_view(draft.type.data(), draft.type.size()));
  text += R"(,"data":)";
  data_at = text.size();
  text += draft.data;
  text += R"(,"timestamp":")";
  text += rfc3339(time);
  text += '"';
  if (seq > 0) {
    text += R"(,"seq":)";
    text += std::to_string(seq);
  }
  // No character of a topic needs to be escaped.
  if (!draft.topic.empty()) text.append(R"(,"topic":")").append(draft.topic).append("\"");
  text += '}';
  return text;
}

// Events share a few mutexes, because an event is encoded once and never again. One event has one of them
// for all its forms, and it is recursive: a form may ask the event for its frame in another form.
std::recursive_mutex& mutex_of(const Event* event) noexcept {
  static std::array<std::recursive_mutex, 64> mutexes;
  return mutexes[reinterpret_cast<std::uintptr_t>(event) / alignof(std::max_align_t) / 16 % mutexes.size()];
}

}  // namespace

Event::Event(EventDraft draft, Seq seq, UnixMs time)
    : text_(message_text(draft, seq, time, data_at_)),
      data_size_(draft.data.size()),
      type_(std::move(draft.type)),
      topic_(std::move(draft.topic)),
      attributes_(std::move(draft.attributes)),
      also_(std::move(draft.also)),
      audience_(draft.audience),
      seq_(seq),
      time_(time) {}

Event::~Event() {
  for (const Encoded* one = others_.load(std::memory_order_relaxed); one != nullptr;)
    delete std::exchange(one, one->next);
}

const FrameRef& Event::frame_beyond_first(const Form& form, std::string_view epoch) const {
  if (const FrameRef* known = find(form)) return *known;
  const std::scoped_lock lock(mutex_of(this));
  if (const FrameRef* known = find(form)) return *known;  // another thread was faster
  FrameRef frame = form.encode(*this, epoch);
  // Not the event itself, which has the frame.
  if (frame && is_restricted()) frame->set_about(without_data());
  return keep(form, std::move(frame));
}

bool Event::is_restricted() const noexcept {
  return !attributes_.empty() && (audience_.is_judged() || is_reserved_topic(topic_));
}

EventRef Event::without_data() const {
  return new Event(
      {.type = type_, .data = "null", .audience = audience_, .topic = topic_, .attributes = attributes_},
      seq_, time_);
}

const FrameRef* Event::find(const Form& form) const noexcept {
  if (first_form_.load(std::memory_order_acquire) == &form) return &first_frame_;
  for (const Encoded* one = others_.load(std::memory_order_acquire); one != nullptr; one = one->next)
    if (one->form == &form) return &one->frame;
  return nullptr;
}

// Under the event's mutex.
const FrameRef& Event::keep(const Form& form, FrameRef frame) const {
  if (first_form_.load(std::memory_order_relaxed) == nullptr) {
    first_frame_ = std::move(frame);
    first_form_.store(&form, std::memory_order_release);
    return first_frame_;
  }
  auto made = std::make_unique<const Encoded>(
      Encoded{&form, std::move(frame), others_.load(std::memory_order_relaxed)});
  others_.store(made.get(), std::memory_order_release);
  return made.release()->frame;
}

}  // namespace corohub::hub
