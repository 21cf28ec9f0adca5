#include "gateway/socketio/seat.hpp"

#include "gateway/socketio/forms.hpp"

#include <charconv>
#include <utility>
#include <variant>

#include <boost/json/serialize.hpp>

namespace corohub::gateway::socketio {
namespace {

Request request_of(const RequestId& id) {
  const std::size_t end = id.find(':');
  Request request{{}, id.substr(end + 1)};
  std::uint64_t ack = 0;
  if (end > 0 && std::from_chars(id.data(), id.data() + end, ack).ec == std::errc()) request.ack = ack;
  return request;
}

std::string text_of(const Refusal& refusal) {
  return json::serialize(json::object{{"code", refusal.code}, {"message", refusal.message}});
}

}  // namespace

// "7:publish", ":publish"
RequestId Seat::id_of(const Request& request) {
  RequestId id = request.ack ? std::to_string(*request.ack) : RequestId();
  id += ':';
  id += request.note;
  return id;
}

// ---- what the server says ----

void Seat::push(std::string_view packet, const hub::Audience& readers) {
  session_->push_text(packet, readers);
}

void Seat::say(std::string_view name, std::string_view data, const hub::Audience& readers) {
  push(event_packet(name_space(), name, data), readers);
}

void Seat::say_volatile(std::string_view name, std::string_view data, const hub::Audience& readers) {
  if (!with_position()) return say(name, data, readers);
  const std::string meta = R"({"timestamp":")" + rfc3339(desk().shard.clock().unix_ms()) + R"("})";
  push(event_packet(name_space(), name, data, {meta, {}}), readers);
}

void Seat::say_with_position(std::string_view name, std::string_view data, std::string_view meta,
                             Seq position, const hub::Audience& readers) {
  if (!with_position()) return say(name, data, readers);
  const std::string where = Position{desk().settings.epoch, position}.text();
  push(event_packet(name_space(), name, data, {meta, where}), readers);
}

void Seat::welcome(std::string_view name, std::string_view data, const Welcome& welcome) {
  const json::object meta{
      {"epoch", desk().settings.epoch}, {"seq", welcome.position}, {"recovered", welcome.recovered}};
  say_with_position(name, data, json::serialize(meta), welcome.position);
}

hub::FrameRef Seat::event_frame(std::string_view name, std::string_view data, const hub::Event& event,
                                const hub::Audience& readers, bool with_position) const {
  if (!with_position_) return socketio::event_frame(wrap(), name_space(), name, data, readers, {});
  const std::string meta = meta_of(event, name);
  const std::string position = with_position ? position_of(event, desk().settings.epoch) : std::string();
  return socketio::event_frame(wrap(), name_space(), name, data, readers, {meta, position});
}

void Seat::acknowledge(const AckId& ack, std::string_view data, const hub::Audience& readers) {
  if (!ack) return;
  std::string packet = packet_head(PacketType::ack, name_space());
  packet.append(std::to_string(*ack)).append(R"([{"ok":true,"data":)").append(data).append("}]");
  push(packet, readers);
}

void Seat::refuse(const AckId& ack, const Refusal& refusal) {
  if (!ack) return say("error", text_of(refusal));
  std::string packet = packet_head(PacketType::ack, name_space());
  const json::object answer{{"ok", false}, {"code", refusal.code}, {"message", refusal.message}};
  packet.append(std::to_string(*ack)).append(1, '[').append(json::serialize(answer)).append(1, ']');
  push(packet, hub::Audience::one_connection());
}

// ---- what its session says ----

void Seat::answer(Session&, const RequestId& id, const Outcome& outcome) {
  if (kept_ != nullptr) note_topics(outcome);
  vocabulary_.answer(*this, request_of(id), outcome);
}

void Seat::tell(Session& session, const Notice& notice) {
  session_ = &session;
  if (const auto* welcome = std::get_if<Welcome>(&notice)) return begin(*welcome);
  const auto* revoked = std::get_if<Revoked>(&notice);
  if (kept_ != nullptr && revoked != nullptr) kept_->topics.revoke(kept_->place, revoked->topic);
  vocabulary_.tell(*this, notice);
}

void Seat::begin(const Welcome& welcome) {
  const std::unique_ptr<const SeatTerms> terms = std::move(beginning_);
  const bool recovered = welcome.recovered && !terms->old_pid.empty() && !terms->is_lost;
  const std::string& pid = recovered ? terms->old_pid : terms->new_pid;
  json::object connected{{"sid", session_->client_id().text()}};
  if (!pid.empty()) connected["pid"] = pid;
  push(packet_head(PacketType::connect, name_space()) + json::serialize(connected),
       hub::Audience::one_connection());
  if (recovered && terms->recovered != nullptr) terms->recovered->Increment();
  if (terms->kept != nullptr) {
    kept_.reset(new KeptSeat{*terms->kept, terms->kept->begin(pid)});
    for (const std::string& topic : terms->topics.followed) kept_->topics.add(kept_->place, topic);
  }
  vocabulary_.begin(*this, {welcome.position, recovered, welcome.token_expires_at});
  for (const std::string& topic : terms->topics.revoked) vocabulary_.tell(*this, Revoked{topic});
  if (!terms->is_lost) return;
  const json::object lost{{"from", terms->offset}, {"to", desk().shard.head()}, {"reason", "session_lost"}};
  say_volatile("stream.gap", json::serialize(lost));
}

void Seat::note_topics(const Outcome& outcome) {
  if (const auto* subscribed = std::get_if<Subscribed>(&outcome))
    kept_->topics.add(kept_->place, subscribed->topic);
  else if (const auto* unsubscribed = std::get_if<Unsubscribed>(&outcome))
    kept_->topics.remove(kept_->place, unsubscribed->topic);
}

void Seat::role_changed(Session& session) noexcept {
  if (!vocabulary_.keeps(session.desk(), session.identity())) session.dismiss(CloseReason::session_revoked);
}

void Seat::end(bool may_return) noexcept {
  if (const std::unique_ptr<KeptSeat> kept = std::move(kept_)) kept->topics.end(kept->place, may_return);
}

// ---- what its client says ----

void Seat::ask(const Request& request, Command command) { session_->ask(id_of(request), std::move(command)); }

void Seat::hear(Call&& call) {
  desk().settings.metrics.messages.Increment();
  if (!call.attachments.empty() && !vocabulary_.takes_attachments(call.name))
    return refuse(call.ack, {"invalid_message", "This event takes no binary data."});
  const AckId ack = call.ack;
  if (!vocabulary_.call(*this, std::move(call))) refuse(ack, {"unknown_type", "There is no such event."});
}

}  // namespace corohub::gateway::socketio
