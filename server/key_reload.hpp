// SIGHUP: the signing keys are read again, and what a removed one has opened ends.
#pragma once

#include "auth/key_ring.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "server/shards.hpp"

namespace corohub::server {

Result<> reload_keys(auth::KeyStore& keys, Shards& shards, const Clock& clock);

}  // namespace corohub::server
