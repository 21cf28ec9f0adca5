// The namespace `/`: what the native protocol says on a WebSocket, as events. Its message types are events of
// the same name with one object, and answers are acknowledgements.
#pragma once

#include "gateway/socketio/vocabulary.hpp"

#include <chrono>
#include <string_view>

namespace corohub::gateway::socketio {

class Root final : public Vocabulary {
 public:
  // Between two pings of the carrier; said in whole seconds.
  explicit Root(std::chrono::milliseconds ping_interval) noexcept
      : ping_interval_(std::chrono::ceil<std::chrono::seconds>(ping_interval)) {}

  std::string_view name_space() const noexcept override { return root; }
  Result<Seating> admit(const Desk& desk, const hub::Identity& who, const json::object& auth,
                        bool resumes) const override;
  bool keeps_topics() const noexcept override { return true; }
  const hub::Form& form(const Wrap& wrap, bool with_position) const override;
  void begin(Seat& seat, const Welcome& welcome) const override;
  bool call(Seat& seat, Call&& call) const override;
  // What is published may be one Buffer.
  bool takes_attachments(std::string_view name) const noexcept override { return name == "publish"; }

 private:
  const std::chrono::seconds ping_interval_;
};

}  // namespace corohub::gateway::socketio
