#include "gateway/socketio/admin.hpp"

#include "auth/policy.hpp"
#include "core/json_text.hpp"
#include "core/token_bucket.hpp"
#include "gateway/session/broadcast.hpp"
#include "gateway/socketio/asked.hpp"
#include "gateway/socketio/bodies.hpp"
#include "gateway/socketio/frame_cache.hpp"
#include "gateway/socketio/said_form.hpp"
#include "gateway/socketio/seat.hpp"
#include "gateway/socketio/verbs.hpp"
#include "users/audit.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::gateway::socketio {
namespace {

constexpr std::string_view admin_name_space = "/admin";
constexpr std::string_view connected = "admin_connected";
constexpr std::string_view all_flags = "flags";
constexpr std::int64_t activities_max = 50;
constexpr std::size_t activity_detail_bytes_max = 4'096;

// ---- events ----

std::optional<Said> say(const hub::Event& event) {
  if (may_be_change(event)) return Said{};
  if (event.type() == "system.alert") return Said{"admin_notification", announcement_text(event)};
  if (const std::optional<std::string> status = server_status(event)) {
    if (status->empty()) return Said{};
    return Said{"system_status", status_text(*status, event.time())};
  }
  return std::nullopt;
}

// A flag of which the server knew the name alone may be there by now.
void find_by_name(const flags::Namespace* name_space, const hub::Event& event, Change& change) {
  const flags::EnvironmentRef* const environment =
      name_space != nullptr ? name_space->environment(change.environment) : nullptr;
  const flags::Flag* const flag =
      environment != nullptr ? (*environment)->find(text_member(event, "flag_key")) : nullptr;
  if (flag != nullptr) change.id = flag->identity->id;
}

// As of now, whatever it was when the event was made.
std::string data_of(const flags::Namespace* name_space, const Change& change, const hub::Event& event) {
  if (change.id == 0) return unknown_feature(event);
  if (name_space == nullptr) return gone_text(change.id);
  if (change.kind == "platform") {
    const flags::Platform* const platform = name_space->platform_by_id(change.id);
    return platform != nullptr ? platform_for_admins(*name_space, *platform) : gone_text(change.id);
  }
  if (change.kind == "package") {
    const flags::Package* const package = name_space->package_by_id(change.id);
    return package != nullptr ? package_for_admins(*name_space, *package) : gone_text(change.id);
  }
  const flags::EnvironmentRef* const environment = name_space->environment(change.environment);
  const flags::Flag* const flag = environment != nullptr ? (*environment)->find(change.id) : nullptr;
  return flag != nullptr ? feature_for_admins(*name_space, **environment, *flag) : gone_text(change.id);
}

// ---- what one seat has ----

class AdminState final : public SeatState {
 public:
  static constexpr TokenBucket::Rate metrics_rate{1, 1};
  static constexpr TokenBucket::Rate readings_rate{5, 10};  // of the dashboard and the trail

  explicit AdminState(SteadyTime now) : metrics(metrics_rate, now), readings(readings_rate, now) {}

  TokenBucket metrics;
  TokenBucket readings;
};

AdminState& state_of(const Seat& seat) { return static_cast<AdminState&>(*seat.state()); }

bool may(const Seat& seat, TokenBucket& bucket, const TokenBucket::Rate& rate) {
  return seat.session().exempt() || bucket.take(rate, seat.desk().shard.clock().steady());
}

Refusal too_often() { return {name(ErrorCode::rate_limited), "You ask for this more often than you may."}; }

std::string now_text(const Seat& seat) { return rfc3339(seat.desk().shard.clock().unix_ms()); }

// What an event of the client is answered with: an event, and the acknowledgement. Both may be lost with the
// rank.
void reply(Seat& seat, const AckId& ack, std::string_view name, std::string_view data) {
  seat.say(name, data, hub::Audience::admins());
  seat.acknowledge(ack, data, hub::Audience::admins());
}

std::string welcome_text(const Seat& seat) {
  const hub::Identity& who = seat.session().identity();
  return json_text(json::object{{"user_id", who.user_id},
                                {"role", name(who.role)},
                                {"message", "Welcome to real-time updates for administrators"}});
}

// ---- what is answered later ----

// Of a row as the trail shows it: what was there before and after is left to the trail.
json::object activity_of(json::object row) {
  json::value& detail = row["detail"];
  if (json::object* const members = detail.if_object()) {
    members->erase("before");
    members->erase("after");
    if (json_text(*members).size() > activity_detail_bytes_max) detail = nullptr;
  }
  return row;
}

Task<> read_activities(std::shared_ptr<Session> session, RequestId id) {
  auto read = [](storage::Snapshot& snapshot) {
    users::AuditQuery query;
    query.newest_first = true;
    query.limit = activities_max;
    return Result<users::AuditPage>(users::read_audit(snapshot, query));
  };
  Result<users::AuditPage> page = co_await session->desk().readers.read(std::move(read));
  if (session->is_closing()) co_return;
  if (!page) co_return session->answer(id, refusal_of(page.error()));
  json::array activities;
  for (json::object& row : page->rows) activities.push_back(activity_of(std::move(row)));
  json::object feed;
  feed["activities"] = std::move(activities);
  feed["timestamp"] = rfc3339(session->desk().shard.clock().unix_ms());
  session->answer(id, JsonText{json_text(feed), hub::Audience::admins()});
}

Task<> broadcast(std::shared_ptr<Session> session, storage::Writer& writer, RequestId id, BroadcastUnit unit,
                 std::size_t bytes) {
  const auto done = co_await writer.commit(std::move(unit), bytes);
  if (session->is_closing()) co_return;
  if (!done) co_return session->answer(id, refusal_of(done.error()));
  json::object sent;
  sent["seq"] = done->seq;
  sent["recipients"] = done->reached;
  sent["timestamp"] = rfc3339(session->desk().shard.clock().unix_ms());
  session->answer(id, JsonText{json_text(sent), hub::Audience::admins()});
}

// ---- what administrators subscribe to ----

// Whether there is such a thing, in whatever namespace.
bool is_there(const flags::Directory& flags, std::string_view kind, std::int64_t id) {
  if (kind == "client") return flags.clients().find(id) != nullptr;
  return std::ranges::any_of(flags.all(), [&](const flags::NamespaceRef& one) {
    if (kind == "platform") return one->platform_by_id(id) != nullptr;
    if (kind == "package") return one->package_by_id(id) != nullptr;
    return one->default_environment().find(id) != nullptr;
  });
}

class AdminVocabulary final : public Vocabulary {
 public:
  explicit AdminVocabulary(const ServerParts& parts) : parts_(parts) {}

  std::string_view name_space() const noexcept override { return admin_name_space; }

  Result<Seating> admit(const Desk& desk, const hub::Identity& who, const json::object&,
                        bool) const override {
    if (who.is_guest()) return Error(ErrorCode::unauthorized, "This needs an access token.");
    if (!keeps(desk, who)) return Error(ErrorCode::forbidden, "Only for administrators.");
    // What happens to a flag that the server knows by its name alone comes in `flags` only.
    return Seating{std::make_unique<AdminState>(desk.shard.clock().steady()),
                   {"feature", std::string(all_flags)}};
  }
  bool keeps(const Desk&, const hub::Identity& who) const noexcept override {
    return who.is_user() && auth::is_admin(who.role);
  }

  const hub::Form& form(const Wrap& wrap, bool with_position) const override {
    return said_form(admin_name_space, wrap, with_position, say);
  }
  hub::FrameRef own_frame(Seat& seat, const hub::Event& event, const hub::Interest&) const override;

  void begin(Seat& seat, const Welcome& welcome) const override {
    follow_server_status(seat.session());
    seat.welcome(connected, welcome_text(seat), welcome);
  }
  void tell(Seat& seat, const Notice& notice) const override;
  bool call(Seat& seat, Call&& call) const override;
  void answer(Seat& seat, const Request& request, const Outcome& outcome) const override;

 private:
  void connect(Seat& seat, Asked& asked) const;
  void show_dashboard(Seat& seat, Asked& asked) const;
  void show_activities(Seat& seat, Asked& asked) const;
  void show_metrics(Seat& seat, Asked& asked) const;
  void subscribe(Seat& seat, Asked& asked) const;
  void announce(Seat& seat, Asked& asked) const;

  const ServerParts parts_;
};

// Seats of one thread are told the same of the same. It has more than those may see whom the event is for.
hub::FrameRef AdminVocabulary::own_frame(Seat& seat, const hub::Event& event, const hub::Interest&) const {
  thread_local FrameCache frames;
  std::optional<Change> change = change_of(event);
  if (!change) return nullptr;
  const flags::NamespaceRef* const found = seat.desk().flags.find(change->name_space);
  const flags::NamespaceRef name_space = found != nullptr ? *found : nullptr;
  if (change->id == 0) find_by_name(name_space.get(), event, *change);
  return frames.frame(seat, event, name_space, [&] {
    const std::string data = update_text(change->kind, change->is_toggle, change->id,
                                         data_of(name_space.get(), *change, event), event.time());
    return seat.event_frame(update_name(change->kind), data, event, hub::Audience::admins());
  });
}

// It has asked for no topic by its name. What the log has lost of topics is the same for all that it follows,
// so it is told of it once.
void AdminVocabulary::tell(Seat& seat, const Notice& notice) const {
  const auto* gap = std::get_if<Gap>(&notice);
  if (std::holds_alternative<Revoked>(notice)) return;
  if (gap == nullptr || gap->topic.empty()) return Vocabulary::tell(seat, notice);
  if (gap->topic == all_flags) Vocabulary::tell(seat, Gap{gap->from, gap->to, gap->reason});
}

// ---- what the client says ----

bool AdminVocabulary::call(Seat& seat, Call&& call) const {
  static constexpr std::array verbs{
      Verb<AdminVocabulary>{"admin_connect", &AdminVocabulary::connect},
      Verb<AdminVocabulary>{"request_dashboard_update", &AdminVocabulary::show_dashboard},
      Verb<AdminVocabulary>{"request_activity_feed", &AdminVocabulary::show_activities},
      Verb<AdminVocabulary>{"subscribe_entity_updates", &AdminVocabulary::subscribe},
      Verb<AdminVocabulary>{"broadcast_announcement", &AdminVocabulary::announce},
      Verb<AdminVocabulary>{"request_system_metrics", &AdminVocabulary::show_metrics},
  };
  return run_verb<AdminVocabulary>(*this, verbs, seat, call);
}

void AdminVocabulary::connect(Seat& seat, Asked& asked) const {
  welcome_again(*this, seat, asked, connected);
}

void AdminVocabulary::show_dashboard(Seat& seat, Asked& asked) const {
  if (!may(seat, state_of(seat).readings, AdminState::readings_rate))
    return seat.refuse(asked.ack(), too_often());
  const flags::Directory& flags = seat.desk().flags;
  std::size_t platforms = 0;
  std::size_t features = 0;
  std::size_t packages = 0;
  for (const flags::NamespaceRef& one : flags.all()) {
    platforms += one->platforms.size();
    features += one->default_environment().flags().size();
    packages += one->packages.size();
  }
  reply(seat, asked.ack(), "dashboard_update",
        json_text(json::object{{"platforms", platforms},
                               {"features", features},
                               {"packages", packages},
                               {"clients", flags.clients().size()},
                               {"connections", parts_.hub.roster().counts().total},
                               {"timestamp", now_text(seat)}}));
}

void AdminVocabulary::show_activities(Seat& seat, Asked& asked) const {
  if (!may(seat, state_of(seat).readings, AdminState::readings_rate))
    return seat.refuse(asked.ack(), too_often());
  const RequestId id = Seat::id_of({asked.ack(), "activity_feed"});
  seat.session().answer_later(id, read_activities(seat.session().shared_from_this(), id));
}

void AdminVocabulary::show_metrics(Seat& seat, Asked& asked) const {
  if (!may(seat, state_of(seat).metrics, AdminState::metrics_rate))
    return seat.refuse(asked.ack(), too_often());
  const hub::RosterCounts counts = parts_.hub.roster().counts();
  json::object by_role;
  for (std::size_t i = 0; i < role_count; ++i) by_role[name(static_cast<Role>(i))] = counts.by_role[i];
  reply(seat, asked.ack(), "system_metrics",
        json_text(json::object{{"connections", counts.total},
                               {"timestamp", now_text(seat)},
                               {"connections_by_role", std::move(by_role)},
                               {"waiting_bytes", hub::outbox_memory()},
                               {"log_position", parts_.writer.committed_seq()},
                               {"status", parts_.draining ? "draining" : "running"}}));
}

// Every administrator hears of everything from the beginning, and of each event once: there is nothing that
// one who asks could be told beside it, and nothing that may be kept from the others.
void AdminVocabulary::subscribe(Seat& seat, Asked& asked) const {
  const std::string kind = asked.required_text("entity_type");
  const std::optional<std::int64_t> id = asked.integer("entity_id");
  constexpr std::array<std::string_view, 4> kinds{"platform", "feature", "package", "client"};
  if (std::ranges::find(kinds, kind) == kinds.end())
    asked.refuse("entity_type is platform, feature, package or client.");
  if (!asked.refusal() && id && !is_there(seat.desk().flags, kind, *id))
    asked.refuse("There is no such " + kind + ".", name(ErrorCode::not_found));
  if (asked.refusal()) return seat.refuse(asked.ack(), *asked.refusal());
  reply(seat, asked.ack(), "subscribed",
        json_text(json::object{{"entity_type", kind},
                               {"entity_id", id ? json::value(*id) : json::value()},
                               {"room", id ? kind + "_" + std::to_string(*id) : kind}}));
}

void AdminVocabulary::announce(Seat& seat, Asked& asked) const {
  const std::string sender = std::to_string(seat.session().identity().user_id);
  if (!seat.session().exempt() && !parts_.broadcasts.take(sender).allowed)
    return seat.refuse(asked.ack(), too_often());
  const std::string text = asked.text();
  const Result<Broadcast> announcement = read_broadcast(asked.members(), text);
  if (!announcement) return seat.refuse(asked.ack(), refusal_of_members(announcement.error()));
  users::Caller caller;
  caller.user_id = seat.session().identity().user_id;
  caller.ip = seat.session().address().to_string();
  const RequestId id = Seat::id_of({asked.ack(), "announcement_sent"});
  seat.session().answer_later(id, broadcast(seat.session().shared_from_this(), parts_.writer, id,
                                            BroadcastUnit(*announcement, std::move(caller)), text.size()));
}

// ---- what is answered ----

void AdminVocabulary::answer(Seat& seat, const Request& request, const Outcome& outcome) const {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return seat.refuse(request.ack, *refusal);
  if (request.note == connected) {
    const std::string welcome = welcome_text(seat);
    seat.welcome(connected, welcome, {seat.session().position(), false, 0});
    return seat.acknowledge(request.ack, welcome);
  }
  if (const auto* text = std::get_if<JsonText>(&outcome))
    return reply(seat, request.ack, request.note, text->text);
  Vocabulary::answer(seat, request, outcome);
}

}  // namespace

std::unique_ptr<const Vocabulary> admin_vocabulary(const ServerParts& parts) {
  return std::make_unique<const AdminVocabulary>(parts);
}

}  // namespace corohub::gateway::socketio
