// Namespaces over a real database, changed by units, with the events and audit rows that came of them. A room
// belongs to one test.
#pragma once

#include "core/json.hpp"
#include "core/json_text.hpp"
#include "eventlog/event_log.hpp"
#include "flags/answers.hpp"
#include "flags/change.hpp"
#include "flags/definition_patch.hpp"
#include "flags/repository.hpp"
#include "support/faulty_vfs.hpp"
#include "support/test_database.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::flags::test {

inline json::object object_of(const std::string& text) { return parse_json(text).value().as_object(); }

inline DefinitionRef definition_of(const std::string& text) {
  Reading reading;
  return parse_definition(object_of(text), reading).value();
}

// On with `targeting`, off without.
inline DefinitionRef boolean_flag(bool enabled, const std::string& targeting = {}) {
  std::string text = enabled ? R"({"state":"ENABLED")" : R"({"state":"DISABLED")";
  text += R"(,"variants":{"on":true,"off":false},"defaultVariant":"on")";
  if (!targeting.empty()) text += R"(,"targeting":)" + targeting;
  return definition_of(text + "}");
}

inline FlagIdentity identity_of(std::string key, std::optional<std::string> parent = {}) {
  FlagIdentity flag;
  flag.key = key;
  flag.name = std::move(key);
  flag.parent = std::move(parent);
  return flag;
}

inline SegmentRule segment_of(const std::string& rule) {
  Reading reading;
  return parse_segment(parse_json(rule).value(), reading).value();
}

// Everything that evaluations and routes see, as text to compare.
inline std::string text_of(const Namespace& name_space) {
  json::object all = to_json(name_space);
  for (const PlatformRef& one : name_space.platforms) all["platform " + one->key] = to_json(*one);
  for (const PackageRef& one : name_space.packages) all["package " + one->key] = to_json(name_space, *one);
  for (const EnvironmentRef& environment : name_space.environments) {
    json::object shown = to_json(static_cast<const EnvironmentParts&>(*environment));
    for (const SegmentRef& one : environment->segments) shown["segment " + one->key] = to_json(*one);
    for (const Flag& flag : environment->flags()) {
      json::object both = to_json(*flag.identity);
      both["definition"] = to_json(flag);
      both["definition_updated_at"] = flag.updated_at;
      shown["flag " + flag.key()] = std::move(both);
    }
    all["environment " + environment->key] = std::move(shown);
  }
  return json_text(all);
}

class Room {
 public:
  Room() { directories_.begin(1, {}); }

  Author author{.caller = users::Caller::operator_of_this_machine()};

  // `edit` is called with the NamespaceEdit; void.
  template <class F>
  Result<NamespaceRef> change(std::string_view key, F edit) {
    return run([&](storage::UnitOfWork& work) -> Result<NamespaceRef> {
      Result<NamespaceEdit> opened = NamespaceEdit::open(work, copies_, directories_, key);
      if (!opened) return opened.error();
      edit(*opened);
      Result<NamespaceRef> after = opened->finish(author);
      warnings = opened->warnings();
      return after;
    });
  }

  Result<NamespaceRef> make(const std::string& key) {
    return run([&](storage::UnitOfWork& work) {
      return NamespaceEdit::make(work, copies_, directories_,
                                 {key, key, "default", key, NamespaceAccess::users})
          .finish(author);
    });
  }

  // All of it is lost after the change was finished, so many times.
  template <class F>
  void change_in_vain(std::string_view key, F edit, int times = 1) {
    run([&](storage::UnitOfWork& work) -> Result<NamespaceRef> {
      for (int i = 0; i < times; ++i) {
        Result<NamespaceEdit> opened = NamespaceEdit::open(work, copies_, directories_, key);
        edit(*opened);
        if (const auto finished = opened->finish(author); !finished) return finished.error();
      }
      return Error(ErrorCode::forbidden, "in vain");
    });
  }

  // As the tables have it.
  NamespaceRef stored(std::string_view key) {
    return database
        .read([&](storage::Snapshot& snapshot) { return Result<Stamped>(read_namespace(snapshot, key)); })
        .value()
        .name_space;
  }

  struct Logged {
    std::string type;
    std::string topic;
    json::object data;
    json::object attributes;
    std::uint8_t roles;  // who may have it
    std::string also;    // its second topic
    // "flags/bep new-feature enabled true", and the cause if there is one.
    std::string text() const {
      if (topic.empty()) return type + " " + std::string(data.at("key").as_string());
      std::string out = topic + " " + std::string(data.at("flag_key").as_string()) + " " +
                        std::string(data.at("action").as_string()) +
                        (data.at("enabled").as_bool() ? " true" : " false");
      if (const json::value* cause = data.if_contains("cause")) out += " " + std::string(cause->as_string());
      return out;
    }
  };

  // Those since the last call, without what gateways and clients are told to do.
  std::vector<Logged> events() {
    std::vector<Logged> events = logged();
    std::erase_if(events, [](const Logged& one) { return one.type.starts_with("config."); });
    return events;
  }

  // Only those: "config.cache {…}".
  std::vector<std::string> config_texts() {
    std::vector<std::string> texts;
    for (const Logged& event : logged())
      if (event.type.starts_with("config.")) texts.push_back(event.type + " " + json_text(event.data));
    return texts;
  }

  std::vector<Logged> logged() {
    const auto read = [since = read_up_to_](storage::Snapshot& snapshot) -> Result<std::vector<Logged>> {
      storage::Query query = snapshot.query(
          "SELECT type, topic, data, attributes, roles, also FROM events WHERE seq > ? ORDER BY seq");
      query.bind(since);
      std::vector<Logged> events;
      while (query.next())
        events.push_back({query.text(0), query.text_or_null(1).value_or(""), object_of(query.text(2)),
                          object_of(query.text_or_null(3).value_or("{}")),
                          static_cast<std::uint8_t>(query.integer(4)), query.text_or_null(5).value_or("")});
      return events;
    };
    std::vector<Logged> events = database.read(read).value();
    read_up_to_ += static_cast<Seq>(events.size());
    return events;
  }

  std::vector<std::string> event_texts() {
    std::vector<std::string> texts;
    for (const Logged& event : events()) texts.push_back(event.text());
    return texts;
  }

  // "action entity", oldest first.
  std::vector<std::string> audit() {
    const auto read = [](storage::Snapshot& snapshot) -> Result<std::vector<std::string>> {
      storage::Query query = snapshot.query("SELECT action, entity FROM audit ORDER BY id");
      std::vector<std::string> rows;
      while (query.next()) rows.push_back(query.text(0) + " " + query.text(1));
      return rows;
    };
    return database.read(read).value();
  }

  // What is kept in memory is gone.
  void restart() {
    std::destroy_at(&copies_);
    std::construct_at(&copies_);
  }
  Seq head() {
    return database
        .read([](storage::Snapshot& snapshot) { return Result<Seq>(eventlog::read_head(snapshot)); })
        .value();
  }

  std::size_t reads() const { return copies_.reads(); }
  const FlagIdentity& flag(const NamespaceRef& name_space, std::string_view key) const {
    return *find_identity(*name_space, key);
  }

  corohub::test::FaultyVfs vfs;
  corohub::test::TestDatabase database;
  std::vector<FieldError> warnings;

 private:
  template <class F>
  Result<NamespaceRef> run(F unit) {
    auto outcome = database.commit(std::move(unit));
    if (!outcome) return outcome.error();
    return outcome->value;
  }

  Copies copies_;
  Directories directories_;
  Seq read_up_to_ = 0;
};

// "code /field" of each complaint, or the code of the error; empty: none.
template <class T>
std::vector<std::string> complaints(const Result<T>& result) {
  std::vector<std::string> texts;
  if (result) return texts;
  const Error error = result.error();
  for (const FieldError& field : error.fields) texts.push_back(field.code + " " + field.field);
  if (texts.empty()) texts.emplace_back(name(error.code));
  return texts;
}

}  // namespace corohub::flags::test
