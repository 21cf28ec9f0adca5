// /engine.io/: Engine.IO under a mirror, for callers on this machine, so that its protocol's own test suite
// can judge the code. Every message comes back as it was.
#include "gateway/engineio_front_end.hpp"
#include "gateway/session/reception.hpp"
#include "http/caller.hpp"

#include <utility>

namespace corohub::gateway {
namespace {

// While more waits, the client is not read from.
constexpr std::uint32_t waiting_bytes_max = 1 << 20;
constexpr hub::OutboxLimits outbox_limits{.messages_max = 65'536, .bytes_max = 4 * large_message_bytes_max};

class Mirror final : public engineio::Listener,
                     private Outsider,
                     public std::enable_shared_from_this<Mirror> {
 public:
  Mirror(Outsiders& outsiders, asio::io_context& home) : outsiders_(outsiders), home_(home) {}

  void on_open(engineio::Link& link) override {
    link_ = &link;
    way_ = std::make_unique<Way>(link, outbox_);
    link.allow_large_messages();
    outsiders_.add(*this, weak_from_this(), home_);
  }
  void on_message(MessageKind kind, std::string_view payload) override {
    const hub::FrameRef frame =
        link_->wrap().frame(payload, Wrap::Part::whole, hub::Audience::one_connection(), kind);
    if (outbox_.push(frame) == hub::Push::full) return link_->close(CloseReason::slow_consumer, Drain::no);
    way_->flush();
    if (outbox_.bytes() > waiting_bytes_max) link_->pause_reading();
  }
  void on_throttled() override {}
  void on_rewrapped() override {}
  void on_closed(CloseReason) noexcept override {
    outsiders_.remove(*this);
    way_.reset();
    link_ = nullptr;
  }

 private:
  class Way final : public engineio::Channel {
   public:
    Way(engineio::Link& link, hub::Outbox& outbox) : Channel(link, outbox), link_(link) {}
    void on_low_water() noexcept override { link_.resume_reading(); }

   private:
    engineio::Link& link_;
  };

  void send_away() noexcept override {
    if (link_ != nullptr) link_->close(CloseReason::draining, Drain::yes);
  }

  Outsiders& outsiders_;
  asio::io_context& home_;
  hub::Outbox outbox_{outbox_limits};
  engineio::Link* link_ = nullptr;
  std::unique_ptr<Way> way_;
};

class MirrorGuest final : public engineio::Guest {
 public:
  MirrorGuest(Outsiders& outsiders, asio::io_context& home) : outsiders_(outsiders), home_(home) {}
  std::shared_ptr<engineio::Listener> open() override { return std::make_shared<Mirror>(outsiders_, home_); }
  bool is_limited() const noexcept override { return false; }

 private:
  Outsiders& outsiders_;
  asio::io_context& home_;
};

class Mirrors final : public EngineioService {
 public:
  using EngineioService::EngineioService;

  Task<Result<std::unique_ptr<engineio::Guest>>> admit(http::Context& context) override {
    if (!http::is_local(context.request)) co_return Error(ErrorCode::not_found, "There is nothing here.");
    std::unique_ptr<engineio::Guest> guest = std::make_unique<MirrorGuest>(
        state().reception.outsiders(), state().desk(context.shard).shard.context());
    co_return guest;
  }
};

}  // namespace

void add_engineio_testkit(Routes& routes) {
  engineio::add_routes(routes.router(), engineio_front_end(*routes.state(), "/engine.io"),
                       std::make_shared<Mirrors>(routes.state()));
}

}  // namespace corohub::gateway
