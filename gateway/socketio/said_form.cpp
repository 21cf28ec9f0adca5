#include "gateway/socketio/said_form.hpp"

#include "gateway/socketio/forms.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

namespace corohub::gateway::socketio {
namespace {

class SaidForm final : public hub::Form {
 public:
  SaidForm(std::string_view name_space, const Wrap& wrap, bool with_position, Saying saying)
      : name_space_(name_space),
        wrap_(wrap),
        with_position_(with_position),
        saying_(saying),
        plain_(form_of(name_space, wrap, with_position)) {}

  hub::FrameRef encode(const hub::Event& event, std::string_view epoch) const override {
    const std::optional<Said> said = saying_(event);
    if (!said) return plain_.encode(event, epoch);
    if (said->name.empty()) return nullptr;
    if (!with_position_) return event_frame(wrap_, name_space_, said->name, said->data, event.audience(), {});
    const std::string meta = meta_of(event, said->name);
    const std::string position = position_of(event, epoch);
    return event_frame(wrap_, name_space_, said->name, said->data, event.audience(), {meta, position});
  }

 private:
  const std::string_view name_space_;
  const Wrap& wrap_;
  const bool with_position_;
  const Saying saying_;
  const hub::Form& plain_;
};

}  // namespace

// Never freed, as no form is.
const hub::Form& said_form(std::string_view name_space, const Wrap& wrap, bool with_position, Saying saying) {
  using Key = std::tuple<std::string_view, const Wrap*, bool>;
  static std::mutex mutex;
  static std::map<Key, std::unique_ptr<const SaidForm>> all;
  const std::lock_guard lock(mutex);
  std::unique_ptr<const SaidForm>& form = all[{name_space, &wrap, with_position}];
  if (!form) form = std::make_unique<const SaidForm>(name_space, wrap, with_position, saying);
  return *form;
}

}  // namespace corohub::gateway::socketio
