// /api/v1/namespaces/{namespace}/clients/{client}/keys: made, listed and revoked.
#include "eventlog/event_log.hpp"
#include "flags/answers.hpp"
#include "flags/client_keys.hpp"
#include "flags/client_unit.hpp"
#include "flags/manager.hpp"

#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

json::object to_json(const ClientKey& key) {
  json::object object;
  object["id"] = key.id;
  object["name"] = key.name;
  object["created_at"] = rfc3339(key.created_at);
  return object;
}

// The right, and then `deed`, a Result<ClientKey>(UnitOfWork&, ClientKey's client), with its row in the
// trail.
template <class F>
auto key_unit(FlagServices& services, Change change, std::string client, bool makes, F deed) {
  return [&services, change = std::move(change), client = std::move(client), makes,
          deed = std::move(deed)](storage::UnitOfWork& work) -> Result<ClientKey> {
    if (const Result<> right = check_right(work, change.author, Right::write, change.name_space); !right)
      return right.error();
    const NamespaceRef name_space = services.copies.find(work, change.name_space);
    if (!name_space) return no_namespace();
    const std::optional<Client> holder = find_client(work, name_space->id, client);
    if (!holder) return no_client();
    Result<ClientKey> key = deed(work, *holder);
    if (key) record_client_key(work, change.author, *name_space, *holder, *key, makes);
    return key;
  };
}

Task<Response> get_keys(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<const Client*> client = client_of(services, context);
  if (!client) co_return fail(client.error(), context);
  auto read = [id = (*client)->id](storage::Snapshot& snapshot) {
    return Result<std::vector<ClientKey>>(list_client_keys(snapshot, id));
  };
  const Result<std::vector<ClientKey>> keys = co_await services.parts.readers.read(std::move(read));
  if (!keys) co_return fail(keys.error(), context);
  json::array list;
  for (const ClientKey& key : *keys) list.push_back(to_json(key));
  co_return at(services, context, data_answer(list));
}

// The only answer that shows the key.
Task<Response> post_key(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  if (const Result<const Client*> there = client_of(services, context); !there)
    co_return fail(there.error(), context);
  std::string name;
  if (!context.request.body.empty()) {
    Result<std::string> read = co_await read_body(services, context.request, read_client_key_name);
    if (!read) co_return fail(read.error(), context);
    name = std::move(*read);
  }
  const std::string secret = make_client_key();
  auto deed = [secret, name](storage::UnitOfWork& work, const Client& client) {
    return add_client_key(work, secret, {.client_id = client.id, .name = name});
  };
  auto unit =
      key_unit(services, std::move(*change), std::string(context.param("client")), true, std::move(deed));
  const Result<storage::Committed<ClientKey>> made = co_await services.parts.writer.commit(std::move(unit));
  if (!made) co_return fail(made.error(), context);
  json::object data = to_json(made->value);
  data["key"] = secret;
  co_return at(services, context, data_answer(data, {}, 201))
      .with("Location", context.request.path + '/' + std::to_string(made->value.id));
}

Task<Response> delete_key(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  auto deed = [&services, id = *id](storage::UnitOfWork& work, const Client& client) -> Result<ClientKey> {
    std::optional<ClientKey> gone = remove_client_key(work, client.id, id);
    if (!gone) return Error(ErrorCode::not_found, "The client has no such key.");
    eventlog::change_shards(work, services.directories.change(ClientKeyRevoked{id}));
    return std::move(*gone);
  };
  auto unit =
      key_unit(services, std::move(*change), std::string(context.param("client")), false, std::move(deed));
  const Result<storage::Committed<ClientKey>> gone = co_await services.parts.writer.commit(std::move(unit));
  if (!gone) co_return fail(gone.error(), context);
  co_return at(services, context, http::no_content());
}

}  // namespace

void add_client_key_routes(Routes& routes) {
  const std::string all = "/api/v1/namespaces/{namespace}/clients/{client}/keys";
  routes.add(Method::get, all, get_keys);
  routes.add(Method::post, all, post_key);
  routes.add(Method::del, all + "/{id}", delete_key);
}

}  // namespace corohub::flags
