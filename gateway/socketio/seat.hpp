// One client's place in one namespace: the dialect of its session. It owns what its vocabulary keeps for it,
// and turns what the vocabulary says into packets. Used on its session's shard only.
#pragma once

#include "core/metrics.hpp"
#include "core/position.hpp"
#include "gateway/session/dialect.hpp"
#include "gateway/session/session.hpp"
#include "gateway/socketio/recovery.hpp"
#include "gateway/socketio/vocabulary.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::gateway::socketio {

// How a seat begins.
struct SeatTerms {
  std::unique_ptr<SeatState> state{};
  std::string old_pid{};      // with which its client came back; empty: it begins
  Seq offset = 0;             // where it goes on
  std::string new_pid{};      // what it gets unless all that it missed follows; empty: it is never recovered
  bool with_position = true;  // events have a meta object and a position
  // What its client had added is not known any more.
  bool is_lost = false;
  // Where the topics are kept that its client adds; null: nowhere. And those that it goes on with.
  KeptTopics* kept = nullptr;
  SeatTopics topics{};
  metrics::Counter* recovered = nullptr;
};

class Seat final : public Dialect {
 public:
  // Lives until its session dies. The vocabulary outlives it.
  static Seat& make(const Vocabulary& vocabulary, SeatTerms terms) {
    return *new Seat(vocabulary, std::move(terms));
  }

  // ---- for its vocabulary: from begin() on. `data` and `meta` are JSON text. Each throws for memory. ----
  Session& session() const noexcept { return *session_; }
  const Desk& desk() const noexcept { return session_->desk(); }
  SeatState* state() const noexcept { return state_.get(); }
  std::string_view name_space() const noexcept { return vocabulary_.name_space(); }
  const Wrap& wrap() const noexcept { return session_->transport()->wrap(); }
  bool with_position() const noexcept { return with_position_; }

  // [name,data]. `readers`: who may still have it when it leaves.
  void say(std::string_view name, std::string_view data,
           const hub::Audience& readers = hub::Audience::one_connection());
  // [name,data,meta], where meta has the time: an event that is not in the log.
  void say_volatile(std::string_view name, std::string_view data,
                    const hub::Audience& readers = hub::Audience::one_connection());
  // [name,data,meta,"epoch:seq"], or [name,data] for a client that wants no more. The position is where the
  // client goes on once it has had this.
  void say_with_position(std::string_view name, std::string_view data, std::string_view meta, Seq position,
                         const hub::Audience& readers = hub::Audience::one_connection());
  // The welcome: its meta is {"epoch","seq","recovered"}.
  void welcome(std::string_view name, std::string_view data, const Welcome& welcome);
  // An event under this name with this data, for own_frame(): as events of form() leave. `readers`: who may
  // still have it when it leaves, which are fewer than the event's where the data say more. `with_position`
  // false: it is one of several that come of the event, and not the last.
  hub::FrameRef event_frame(std::string_view name, std::string_view data, const hub::Event& event,
                            const hub::Audience& readers, bool with_position = true) const;
  hub::FrameRef event_frame(std::string_view name, std::string_view data, const hub::Event& event) const {
    return event_frame(name, data, event, event.audience());
  }
  // {"ok":true,"data":…}; nothing for a client that does not wait.
  void acknowledge(const AckId& ack, std::string_view data,
                   const hub::Audience& readers = hub::Audience::one_connection());
  // {"ok":false,"code":…,"message":…}; to a client that does not wait the event `error` {"code","message"}.
  void refuse(const AckId& ack, const Refusal& refusal);
  // Its outcome comes back as Vocabulary::answer().
  void ask(const Request& request, Command command);
  // Under which Session::answer() is told of a request's outcome that comes from elsewhere.
  static RequestId id_of(const Request& request);

  // ---- for its connection ----
  // An event of the client. Throws for memory.
  void hear(Call&& call);
  // Its end, before the session's. `may_return`: its client may come back and go on.
  void end(bool may_return) noexcept;

  // ---- Dialect ----
  const hub::Form& form(const Wrap& wrap) const noexcept override {
    return vocabulary_.form(wrap, with_position_);
  }
  // What the client says comes by hear().
  void read(Session&, MessageKind, std::string_view) override {}
  void answer(Session& session, const RequestId& id, const Outcome& outcome) override;
  void tell(Session& session, const Notice& notice) override;
  std::string farewell(Session&, CloseReason) override { return {}; }
  hub::FrameRef own_frame(Session&, const hub::Event& event, const hub::Interest& interest) override {
    return vocabulary_.own_frame(*this, event, interest);
  }
  void caught_up(Session&) noexcept override { vocabulary_.caught_up(*this); }
  void role_changed(Session& session) noexcept override;
  void release() noexcept override { delete this; }

 private:
  Seat(const Vocabulary& vocabulary, SeatTerms terms)
      : vocabulary_(vocabulary),
        state_(std::move(terms.state)),
        with_position_(terms.with_position),
        beginning_(std::make_unique<SeatTerms>(std::move(terms))) {}
  ~Seat() = default;

  struct KeptSeat {
    KeptTopics& topics;
    KeptTopics::Place place;
  };

  void begin(const Welcome& welcome);
  void push(std::string_view packet, const hub::Audience& readers);
  void note_topics(const Outcome& outcome);

  const Vocabulary& vocabulary_;
  Session* session_ = nullptr;  // from its welcome on
  const std::unique_ptr<SeatState> state_;
  std::unique_ptr<KeptSeat> kept_;  // null: its topics are not kept
  const bool with_position_;
  std::unique_ptr<SeatTerms> beginning_;  // until its welcome
};

}  // namespace corohub::gateway::socketio
