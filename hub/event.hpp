// An immutable fact, and its bytes in each form that somebody asked for. Shared between shards by reference
// count; safe from any thread.
#pragma once

#include "core/clock.hpp"
#include "core/position.hpp"
#include "hub/audience.hpp"
#include "hub/form.hpp"
#include "hub/frame.hpp"

#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

namespace corohub::hub {

// What an event is made of, before it has its place in the log.
struct EventDraft {
  std::string type;     // "user.updated"
  std::string data;     // JSON text (valid, not empty), delivered as it is
  Audience audience;    // of a topic's event: the roles that may subscribe to it
  std::string topic{};  // empty: not an event of a topic
  // What the front end over which it was published knows beside its data, for others of that kind: JSON text,
  // kept in the log as it is. Empty: nothing.
  std::string attributes{};
  // A second topic, whose subscribers get the event, too; empty: none. What it is for otherwise stays as it
  // is.
  std::string also{};
};

class Event : public boost::intrusive_ref_counter<Event, boost::thread_safe_counter> {
 public:
  // `seq` 0: volatile. `time` is the commit's for a durable event.
  Event(EventDraft draft, Seq seq, UnixMs time);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  Seq seq() const noexcept { return seq_; }
  bool durable() const noexcept { return seq_ > 0; }
  UnixMs time() const noexcept { return time_; }
  const Audience& audience() const noexcept { return audience_; }
  std::string_view type() const noexcept { return type_; }
  // Goes to the subscribers of this topic and to nobody else; empty: by its audience.
  std::string_view topic() const noexcept { return topic_; }
  // The event as one JSON object: {"type":…,"data":…,"timestamp":…,"seq":…,"topic":…}.
  std::string_view text() const noexcept { return text_; }
  std::string_view data() const noexcept { return std::string_view(text_).substr(data_at_, data_size_); }
  std::string_view attributes() const noexcept { return attributes_; }
  // Goes to the subscribers of this topic, too; empty: none.
  std::string_view also() const noexcept { return also_; }
  // Whether its attributes say who may see it: what the server says in topics of its own, and to whom it
  // finds.
  bool is_restricted() const noexcept;
  // What it takes to keep it, in bytes of text.
  std::size_t size() const noexcept { return text_.size() + attributes_.size() + also_.size(); }

  // Its bytes in this form, made at the first call for the form and kept; null if the form has none to share.
  // `epoch` is the log's. Without a lock once they are made. Throws for memory.
  const FrameRef& frame(const Form& form, std::string_view epoch = {}) const {
    if (first_form_.load(std::memory_order_acquire) == &form) return first_frame_;
    return frame_beyond_first(form, epoch);
  }

 private:
  struct Encoded {
    const Form* form;
    FrameRef frame;
    const Encoded* next;
  };

  const FrameRef& frame_beyond_first(const Form& form, std::string_view epoch) const;
  const FrameRef* find(const Form& form) const noexcept;
  const FrameRef& keep(const Form& form, FrameRef frame) const;
  boost::intrusive_ptr<const Event> without_data() const;

  std::size_t data_at_ = 0;  // in the text, which is made next
  std::string text_;
  std::size_t data_size_;
  std::string type_;
  std::string topic_;
  std::string attributes_;
  std::string also_;
  Audience audience_;
  Seq seq_;
  UnixMs time_;
  // The form that was asked for first, as most events have but one, and a list of the others. A form is
  // published after its frame.
  mutable std::atomic<const Form*> first_form_{nullptr};
  mutable FrameRef first_frame_;
  mutable std::atomic<const Encoded*> others_{nullptr};
};
using EventRef = boost::intrusive_ptr<const Event>;

}  // namespace corohub::hub
