// /api/v1/namespaces/{namespace}/clients: who has which package, and what is said of flags for one client.
#include "core/encoding.hpp"
#include "core/key_name.hpp"
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/client_unit.hpp"
#include "flags/lists.hpp"
#include "flags/manager.hpp"
#include "flags/preconditions.hpp"
#include "users/query_reader.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

constexpr std::size_t cursor_bytes_max = 256;

Response client_answer(FlagServices& services, const Context& context,
                       const storage::Committed<std::optional<ShownClient>>& changed, int status = 200) {
  const ShownClient& client = changed.value.value();
  return at(services, context, entity_answer(to_json(client), client.client.version, {}, status),
            changed.seq);
}

// Whether there is a client, with the version that was asked for.
Result<> check_held(const Namespace& name_space, const Client* before, const IfMatch& match) {
  if (before == nullptr) return no_client();
  return match.check(before->version, [&] { return to_json(shown(*before, name_space)); });
}

// ---- the list ----

struct ListQuery {
  Page page;  // counted from the cursor
  ClientQuery clients;
};

Result<ListQuery> read_list_query(const http::Request& request) {
  const Result<Page> page = read_page(request);
  if (!page) return page.error();
  users::QueryReader reader(request);
  ListQuery query;
  query.page = *page;
  query.clients.package = reader.text("package", key_name_bytes_max);
  query.clients.platform = reader.text("platform", key_name_bytes_max);
  if (const auto status = reader.one_of("status", {"active", "disabled"}))
    query.clients.status = static_cast<Client::Status>(*status);
  query.clients.user_id = reader.integer("user_id", 1, std::int64_t{1} << 53);
  query.clients.skip = static_cast<std::size_t>((page->number - 1) * page->size);
  query.clients.limit = static_cast<std::size_t>(page->size);
  if (const auto cursor = reader.text("cursor", cursor_bytes_max)) {
    const std::optional<std::string> key = from_base64url(*cursor);
    if (key && is_key_name(*key, client_key_name_bytes_max, client_key_name_characters))
      query.clients.after = *key;
    else
      reader.refuse("cursor", "invalid_format", "Must be the meta.next of a list.");
  }
  if (const Result<> read = reader.result(); !read) return read.error();
  return query;
}

Task<Response> get_clients(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  Result<ListQuery> query = read_list_query(context.request);
  if (!query) co_return fail(query.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  query->clients.namespace_id = (*name_space)->id;
  const Seq seq = services.parts.applied_seq(context.shard);
  auto read = [query = std::move(*query)](storage::Snapshot& snapshot) -> Result<Response> {
    const ClientPage page = list_clients(snapshot, query.clients);
    json::array list;
    for (const ShownClient& one : page.clients) list.push_back(to_json(one));
    json::object meta = page_meta(query.page, static_cast<std::size_t>(page.total));
    if (page.more) meta["next"] = base64url(page.clients.back().client.key);
    return data_answer(list, meta);
  };
  Result<Response> list = co_await services.parts.list_readers.read(std::move(read));
  if (!list) co_return fail(list.error(), context);
  co_return at(services, context, std::move(*list), seq);
}

// ---- one ----

// From the tables: the version there moves when a flag goes of which something was said, the shard's does
// not.
Task<Response> get_client(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const Seq seq = services.parts.applied_seq(context.shard);
  auto read = [id = (*name_space)->id, key = std::string(context.param("client"))](
                  storage::Snapshot& snapshot) -> Result<ShownClient> {
    std::optional<ShownClient> found = find_shown(snapshot, id, key);
    if (!found) return no_client();
    return std::move(*found);
  };
  const Result<ShownClient> client = co_await services.parts.readers.read(std::move(read));
  if (!client) co_return fail(client.error(), context);
  const std::string tag = version_tag(client->client.version);
  if (is_known(context.request, tag)) co_return at(services, context, not_modified(tag), seq);
  co_return at(services, context, entity_answer(to_json(*client), client->client.version), seq);
}

Task<Response> post_client(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  Result<ClientBody> body = co_await read_body(services, context.request, read_new_client);
  if (!body) co_return fail(body.error(), context);
  std::string key = body->key;
  auto edit = [body = std::move(*body)](storage::UnitOfWork& work, const Namespace& name_space,
                                        const Client* before) -> Result<std::optional<Client>> {
    if (before != nullptr) return Error(ErrorCode::key_taken, "There is a client with this key.");
    if (has_clients_max(work, name_space.id))
      return Error(ErrorCode::limit_reached, "The namespace has 100,000 clients already.");
    Result<Client> client = resolve(work, name_space, body, nullptr);
    if (!client) return client.error();
    return std::optional<Client>(std::move(*client));
  };
  const ClientOutcome made =
      co_await change_client(services, context, std::move(*change), key, std::move(edit));
  if (!made) co_return fail(made.error(), context);
  co_return client_answer(services, context, *made, 201).with("Location", context.request.path + '/' + key);
}

// Both begin alike: the client is there, and then what the body makes of it is judged by the unit.
template <class Read>
Task<Response> replace(FlagServices& services, Context& context, Read read) {
  Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return fail(change.error(), context);
  if (const Result<const Client*> there = client_of(services, context); !there)
    co_return fail(there.error(), context);
  Result<json::object> body = co_await read_body(services, context.request, keep_body);
  if (!body) co_return fail(body.error(), context);
  auto edit = [read, body = std::move(*body), match = change->match](
                  storage::UnitOfWork& work, const Namespace& name_space,
                  const Client* before) -> Result<std::optional<Client>> {
    if (const Result<> held = check_held(name_space, before, match); !held) return held.error();
    const Result<ClientBody> said = read(shown(*before, name_space), body);
    if (!said) return said.error();
    Result<Client> client = resolve(work, name_space, *said, before);
    if (!client) return client.error();
    return std::optional<Client>(std::move(*client));
  };
  const ClientOutcome changed = co_await change_client(services, context, std::move(*change),
                                                       std::string(context.param("client")), std::move(edit));
  if (!changed) co_return fail(changed.error(), context);
  co_return client_answer(services, context, *changed);
}

Task<Response> put_client(FlagServices& services, Context& context) {
  return replace(services, context, read_client);
}

Task<Response> patch_client_route(FlagServices& services, Context& context) {
  return replace(services, context, patch_client);
}

Task<Response> delete_client_route(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return fail(change.error(), context);
  auto edit = [match = change->match](storage::UnitOfWork&, const Namespace& name_space,
                                      const Client* before) -> Result<std::optional<Client>> {
    if (const Result<> held = check_held(name_space, before, match); !held) return held.error();
    return std::optional<Client>();
  };
  const ClientOutcome gone = co_await change_client(services, context, std::move(*change),
                                                    std::string(context.param("client")), std::move(edit));
  if (!gone) co_return fail(gone.error(), context);
  co_return at(services, context, http::no_content(), gone->seq);
}

// ---- overrides ----

// What is to be said of the flag that the path names; nothing: no more.
using Said = std::optional<OverrideBody>;

Result<std::optional<Client>> with_override(const Namespace& name_space, const Client& before,
                                            std::string_view key, const Said& said) {
  const Flag* flag = name_space.default_environment().find(key);
  if (flag == nullptr) return no_flag();
  const std::int64_t id = flag->identity->id;
  Client after = before;
  const auto place = std::ranges::lower_bound(after.overrides, id, {}, &Override::flag_id);
  const bool known = place != after.overrides.end() && place->flag_id == id;
  if (!said) {
    if (!known) return Error(ErrorCode::not_found, "Nothing is said of this flag for the client.");
    after.overrides.erase(place);
    return std::optional<Client>(std::move(after));
  }
  Override now{id, said->granted, said->reason, said->expires_at};
  if (known)
    *place = std::move(now);
  else
    after.overrides.insert(place, std::move(now));
  if (!has_room(shown(after, name_space)))
    return Error(ErrorCode::validation_failed)
        .at("/reason", "out_of_range", "Attributes and overrides must have at most 4 KiB together.");
  return std::optional<Client>(std::move(after));
}

Task<ClientOutcome> change_override(FlagServices& services, const Context& context, Change change,
                                    Said said) {
  auto edit = [match = change.match, flag = std::string(context.param("flag")), said = std::move(said)](
                  storage::UnitOfWork&, const Namespace& name_space,
                  const Client* before) -> Result<std::optional<Client>> {
    if (const Result<> held = check_held(name_space, before, match); !held) return held.error();
    return with_override(name_space, *before, flag, said);
  };
  co_return co_await change_client(services, context, std::move(change), std::string(context.param("client")),
                                   std::move(edit));
}

Task<Response> put_override(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  if (const Result<const Client*> there = client_of(services, context); !there)
    co_return fail(there.error(), context);
  auto read = [flag = std::string(context.param("flag"))](const json::object& body) {
    return read_override(flag, body);
  };
  Result<OverrideBody> said = co_await read_body(services, context.request, std::move(read));
  if (!said) co_return fail(said.error(), context);
  const ClientOutcome changed =
      co_await change_override(services, context, std::move(*change), std::move(*said));
  if (!changed) co_return fail(changed.error(), context);
  co_return client_answer(services, context, *changed);
}

Task<Response> delete_override(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  const ClientOutcome changed = co_await change_override(services, context, std::move(*change), {});
  if (!changed) co_return fail(changed.error(), context);
  const Client& client = changed->value->client;
  co_return at(services, context, http::no_content().with("ETag", version_tag(client.version)), changed->seq);
}

}  // namespace

Result<const Client*> client_of(FlagServices& services, const http::Context& context) {
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) return name_space.error();
  const Client* found =
      services.directories.of(context.shard).clients().find((*name_space)->id, context.param("client"));
  if (found == nullptr) return no_client();
  return found;
}

void add_client_routes(Routes& routes) {
  const std::string all = "/api/v1/namespaces/{namespace}/clients";
  const std::string one = all + "/{client}";
  routes.add(Method::get, all, get_clients);
  routes.add(Method::post, all, post_client);
  routes.add(Method::get, one, get_client);
  routes.add(Method::put, one, put_client);
  routes.add(Method::patch, one, patch_client_route);
  routes.add(Method::del, one, delete_client_route);
  routes.add(Method::put, one + "/overrides/{flag}", put_override);
  routes.add(Method::del, one + "/overrides/{flag}", delete_override);
}

}  // namespace corohub::flags
