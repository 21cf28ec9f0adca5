#include "gateway/stomp/forms.hpp"

#include "gateway/stomp/body.hpp"
#include "hub/event.hpp"

#include <array>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace corohub::gateway::stomp {
namespace {

class SharedRest final : public hub::Form {
 public:
  SharedRest(Version version, const Wrap& wrap) noexcept : version_(version), wrap_(wrap) {}

  hub::FrameRef encode(const hub::Event& event, std::string_view epoch) const override {
    const MessageRest rest(event, epoch);
    if (rest.is_binary()) return nullptr;
    const std::string text = rest.append_to(FrameWriter(version_, ""), BinaryBodies::as_base64);
    return wrap_.frame(text, Wrap::Part::last, event.audience());
  }

 private:
  const Version version_;
  const Wrap& wrap_;
};

class NothingShared final : public hub::Form {
 public:
  hub::FrameRef encode(const hub::Event&, std::string_view) const override { return nullptr; }
};

}  // namespace

// A form is never freed: events keep frames under its address. There are as many as carriers, three times.
const hub::Form& form_of(Version version, const Wrap& wrap, bool whole_messages) {
  static const NothingShared nothing_shared;
  if (whole_messages) return nothing_shared;
  using FormsOfWrap = std::array<std::unique_ptr<const SharedRest>, version_count>;
  static std::mutex mutex;
  static std::unordered_map<const Wrap*, FormsOfWrap> all;
  const std::lock_guard lock(mutex);
  std::unique_ptr<const SharedRest>& form = all[&wrap][static_cast<std::size_t>(version)];
  if (!form) form = std::make_unique<const SharedRest>(version, wrap);
  return *form;
}

}  // namespace corohub::gateway::stomp
