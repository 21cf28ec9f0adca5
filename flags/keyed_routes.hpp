// The routes of what a whole namespace has by keys, platforms and packages, which differ in their members
// alone. For their two files. `Kind` says of what: its `Type`, the `parameter` of the path, the `json_limits`
// of a body, which one `is_large`, and functions that find, show, read and put one.
#pragma once

#include "flags/answers.hpp"
#include "flags/change_unit.hpp"
#include "flags/lists.hpp"
#include "flags/manager.hpp"
#include "flags/preconditions.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::flags {

template <class Kind>
Result<const typename Kind::Type*> find_keyed(const Namespace& name_space, std::string_view key) {
  const auto& all = Kind::all(name_space);
  const auto found =
      std::ranges::lower_bound(all, key, {}, [](const auto& one) -> std::string_view { return one->key; });
  if (found == all.end() || (*found)->key != key) return Kind::missing();
  return found->get();
}

// What is there at the position. A large one is written by a reader, or, if none has time, in the turn: what
// was changed is answered in any case.
template <class Kind>
Task<http::Response> show_one(FlagServices& services, const http::Context& context, NamespaceRef name_space,
                              const typename Kind::Type& one, Seq seq, int status = 200) {
  const auto show = [name_space, &one, status] {
    return entity_answer(Kind::show(*name_space, one), one.version, {}, status);
  };
  if (Kind::is_large(one)) {
    auto write = [show](storage::Snapshot&) -> Result<http::Response> { return show(); };
    Result<http::Response> written = co_await services.parts.list_readers.read(std::move(write));
    if (written) co_return at(services, context, std::move(*written), seq);
  }
  co_return at(services, context, show(), seq);
}

template <class Kind>
Task<http::Response> keyed_answer(FlagServices& services, const http::Context& context,
                                  const storage::Committed<Changed>& changed, std::string_view key,
                                  int status = 200) {
  const NamespaceRef& name_space = changed.value.name_space;
  return show_one<Kind>(services, context, name_space, **find_keyed<Kind>(*name_space, key), changed.seq,
                        status);
}

template <class Kind>
Task<http::Response> get_list(FlagServices& services, http::Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return http::fail(manager.error(), context);
  const Result<Page> page = read_page(context.request);
  if (!page) co_return http::fail(page.error(), context);
  Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return http::fail(name_space.error(), context);
  const Seq seq = services.parts.applied_seq(context.shard);
  // Together they may be larger than a turn of the shard has time for.
  auto write = [name_space = std::move(*name_space),
                page = *page](storage::Snapshot&) -> Result<http::Response> {
    const auto& all = Kind::all(*name_space);
    json::array list;
    for (std::size_t i = page.begin(all.size()); i < page.end(all.size()); ++i)
      list.push_back(Kind::show(*name_space, *all[i]));
    return data_answer(list, page_meta(page, all.size()));
  };
  Result<http::Response> list = co_await services.parts.list_readers.read(std::move(write));
  if (!list) co_return http::fail(list.error(), context);
  co_return at(services, context, std::move(*list), seq);
}

template <class Kind>
Task<http::Response> get_one(FlagServices& services, http::Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return http::fail(manager.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return http::fail(name_space.error(), context);
  const Result<const typename Kind::Type*> one =
      find_keyed<Kind>(**name_space, context.param(Kind::parameter));
  if (!one) co_return http::fail(one.error(), context);
  const std::string tag = version_tag((*one)->version);
  if (is_known(context.request, tag)) co_return at(services, context, not_modified(tag));
  const Seq seq = services.parts.applied_seq(context.shard);
  co_return co_await show_one<Kind>(services, context, *name_space, **one, seq);
}

template <class Kind>
Task<http::Response> post_one(FlagServices& services, http::Context& context) {
  const Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return http::fail(change.error(), context);
  Result<json::object> body = co_await read_body(services, context.request, keep_body, {}, Kind::json_limits);
  if (!body) co_return http::fail(body.error(), context);
  // The unit refuses what is no key.
  const json::value* sent = body->if_contains("key");
  const std::string key = sent != nullptr && sent->is_string() ? std::string(sent->get_string()) : "";
  auto edit = [body = std::move(*body)](NamespaceEdit& of) -> Result<> {
    Result<typename Kind::Type> made = Kind::read_new(of.before(), body);
    if (!made) return made.error();
    if (find_keyed<Kind>(of.before(), made->key)) return Kind::taken();
    Kind::put(of, std::move(*made));
    return {};
  };
  const ChangeOutcome made = co_await change_namespace(services, context, *change, std::move(edit));
  if (!made) co_return http::fail(made.error(), context);
  http::Response answer = co_await keyed_answer<Kind>(services, context, *made, key, 201);
  co_return std::move(answer).with("Location", context.request.path + '/' + key);
}

// Puts what `edit`, a Result<Type>(const Namespace&, const Type& before), makes of one that is there and has
// the version that was asked for.
template <class Kind, class F>
Task<ChangeOutcome> put_changed(FlagServices& services, const http::Context& context, const Change& change,
                                F edit) {
  const std::string key(context.param(Kind::parameter));
  auto put = [key, match = change.match, edit = std::move(edit)](NamespaceEdit& of) -> Result<> {
    const Result<const typename Kind::Type*> before = find_keyed<Kind>(of.before(), key);
    if (!before) return before.error();
    const Result<> held = match.check((*before)->version, [&] { return Kind::show(of.before(), **before); });
    if (!held) return held.error();
    Result<typename Kind::Type> after = edit(of.before(), **before);
    if (!after) return after.error();
    Kind::put(of, std::move(*after));
    return {};
  };
  co_return co_await change_namespace(services, context, change, std::move(put));
}

// The same to its answer, which shows what it is now.
template <class Kind, class F>
Task<http::Response> change_one(FlagServices& services, const http::Context& context, const Change& change,
                                F edit) {
  const ChangeOutcome changed = co_await put_changed<Kind>(services, context, change, std::move(edit));
  if (!changed) co_return http::fail(changed.error(), context);
  co_return co_await keyed_answer<Kind>(services, context, *changed, context.param(Kind::parameter));
}

template <class Kind, class Read>
Task<http::Response> replace_one(FlagServices& services, http::Context& context, Read read) {
  const Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return http::fail(change.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return http::fail(name_space.error(), context);
  if (const auto there = find_keyed<Kind>(**name_space, context.param(Kind::parameter)); !there)
    co_return http::fail(there.error(), context);
  Result<json::object> body = co_await read_body(services, context.request, keep_body, {}, Kind::json_limits);
  if (!body) co_return http::fail(body.error(), context);
  auto edit = [read, body = std::move(*body)](const Namespace& name_space,
                                              const typename Kind::Type& before) {
    return read(name_space, before, body);
  };
  co_return co_await change_one<Kind>(services, context, *change, std::move(edit));
}

template <class Kind>
Task<http::Response> put_one(FlagServices& services, http::Context& context) {
  return replace_one<Kind>(services, context, Kind::read);
}

template <class Kind>
Task<http::Response> patch_one(FlagServices& services, http::Context& context) {
  return replace_one<Kind>(services, context, Kind::patch);
}

template <class Kind>
Task<http::Response> delete_one(FlagServices& services, http::Context& context) {
  return remove(services, context,
                [key = std::string(context.param(Kind::parameter))](NamespaceEdit& of,
                                                                    const IfMatch& match) -> Result<> {
                  const Result<const typename Kind::Type*> before = find_keyed<Kind>(of.before(), key);
                  if (!before) return before.error();
                  const Result<> held =
                      match.check((*before)->version, [&] { return Kind::show(of.before(), **before); });
                  if (!held) return held.error();
                  Kind::remove(of, key);
                  return {};
                });
}

// GET and POST of all, GET, PUT, PATCH and DELETE of one.
template <class Kind>
void add_keyed_routes(Routes& routes, const std::string& all, std::size_t body_max = 0) {
  const std::string one = all + "/{" + Kind::parameter + "}";
  routes.add(http::Method::get, all, get_list<Kind>, body_max);
  routes.add(http::Method::post, all, post_one<Kind>, body_max);
  routes.add(http::Method::get, one, get_one<Kind>, body_max);
  routes.add(http::Method::put, one, put_one<Kind>, body_max);
  routes.add(http::Method::patch, one, patch_one<Kind>, body_max);
  routes.add(http::Method::del, one, delete_one<Kind>, body_max);
}

}  // namespace corohub::flags
