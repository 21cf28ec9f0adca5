#include "gateway/session/key_ends.hpp"

namespace corohub::gateway {

KeyEnds::KeyEnds(hub::Shard& shard, users::ServiceKeyCache& services, flags::ClientKeyCache& clients)
    : shard_(shard), services_(services), clients_(clients) {
  services_.add_listener(*this);
  clients_.add_listener(*this);
}

KeyEnds::~KeyEnds() {
  services_.remove_listener(*this);
  clients_.remove_listener(*this);
}

void KeyEnds::service_keys_ended(const users::EndedKeys& which) noexcept {
  shard_.end_keys([&](const hub::KeyHolder& key) {
    return key.client_id == 0 &&
           (key.key_id == which.id || (which.made_by != 0 && key.made_by == which.made_by));
  });
}

void KeyEnds::client_keys_ended(const flags::EndedClientKeys& which) noexcept {
  shard_.end_keys([&](const hub::KeyHolder& key) {
    return key.client_id != 0 && (key.key_id == which.id || key.client_id == which.client_id);
  });
}

}  // namespace corohub::gateway
