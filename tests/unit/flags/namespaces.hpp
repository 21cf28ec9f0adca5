// A database with namespaces of flags, and what the units of this room need beside it.
#pragma once

#include "core/json_text.hpp"
#include "flags/import.hpp"
#include "support/test_database.hpp"

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

#include <boost/json/parse.hpp>

namespace corohub::test {

class Namespaces : public TestDatabase {
 public:
  explicit Namespaces(std::initializer_list<std::string_view> keys = {}) {
    flags_directories.begin(1, {});
    for (const std::string_view key : keys) make(key);
  }

  void make(std::string_view key) {
    auto unit = [&](storage::UnitOfWork& work) {
      flags::NamespaceProperties properties;
      properties.key = properties.name = properties.app_id = key;
      properties.tenant_id = "default";
      return flags::NamespaceEdit::make(work, copies, flags_directories, std::move(properties))
          .finish(by_the_owner());
    };
    check(commit(std::move(unit)));
  }

  // Whatever `change` asks of the edit, done.
  template <class Change>
  Result<flags::NamespaceRef> edit(std::string_view name_space, Change change) {
    auto unit = [&](storage::UnitOfWork& work) -> Result<flags::NamespaceRef> {
      Result<flags::NamespaceEdit> edit =
          flags::NamespaceEdit::open(work, copies, flags_directories, name_space);
      if (!edit) return edit.error();
      change(*edit);
      return edit->finish(by_the_owner());
    };
    const auto done = commit(std::move(unit));
    if (!done) return done.error();
    return done->value;
  }

  Result<flags::ImportReport> import(std::string_view name_space, std::string_view text,
                                     flags::ImportOrder order = {.environment = "default"},
                                     bool dry_run = false) {
    flags::Reading reading{.strict = order.dangling == flags::Dangling::refused};
    const Result<flags::FlagdDocument> document = flags::read_flagd_document(text, reading);
    if (!document) return document.error();
    auto unit = [&](storage::UnitOfWork& work) -> Result<flags::ImportReport> {
      Result<flags::NamespaceEdit> edit =
          flags::NamespaceEdit::open(work, copies, flags_directories, name_space);
      if (!edit) return edit.error();
      if (const Result<> put = flags::put_document(*edit, order, *document); !put) return put.error();
      const Result<> judged = edit->judge();
      if (!judged) return judged.error();
      if (!dry_run) check(edit->finish(by_the_owner(flags::Source::import)));
      return flags::report_of(*edit, order, *document);
    };
    const auto done = commit(std::move(unit));
    if (!done) return done.error();
    return done->value;
  }

  flags::NamespaceRef find(std::string_view key) {
    auto unit = [&](storage::UnitOfWork& work) -> Result<flags::NamespaceRef> {
      return copies.find(work, key);
    };
    return check(commit(std::move(unit))).value;
  }
  std::string export_of(std::string_view name_space, flags::ExportStyle style = flags::ExportStyle::complete,
                        std::string_view environment = "default") {
    const flags::NamespaceRef there = find(name_space);
    return flags::write_flagd_document(*there, **there->environment(environment), style);
  }

  static flags::Author by_the_owner(flags::Source source = flags::Source::api) {
    flags::Author author;
    author.caller = users::Caller::operator_of_this_machine();
    author.source = source;
    return author;
  }

  template <class T>
  static T check(Result<T> result) {
    if (result) return std::move(*result);
    std::string why(name(result.error().code));
    for (const FieldError& one : result.error().fields) why += " " + one.field + " " + one.code;
    throw std::runtime_error(why);
  }

  flags::Copies copies;
  flags::Directories flags_directories;
};

inline json::object object_of(std::string_view text) { return json::parse(text).as_object(); }

// "/flags/a/variants type_fixed", one for each complaint.
inline std::vector<std::string> complaints_of(const Error& error) {
  std::vector<std::string> list;
  for (const FieldError& one : error.fields) list.push_back(one.field + " " + one.code);
  return list;
}

}  // namespace corohub::test
