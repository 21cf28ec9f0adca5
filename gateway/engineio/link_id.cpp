#include "gateway/engineio/link_id.hpp"

#include "core/encoding.hpp"
#include "core/random.hpp"

namespace corohub::gateway::engineio {
namespace {

constexpr std::size_t text_size = 22;

}  // namespace

LinkId LinkId::make(std::size_t shard) noexcept {
  LinkId id;
  random_bytes(id.bytes.data(), id.bytes.size());
  id.bytes[0] = static_cast<unsigned char>(shard);
  return id;
}

std::optional<LinkId> LinkId::parse(std::string_view text) {
  if (text.size() != text_size) return std::nullopt;
  const std::optional<std::string> bytes = from_base64url(text);
  LinkId id;
  if (!bytes || bytes->size() != id.bytes.size()) return std::nullopt;
  std::memcpy(id.bytes.data(), bytes->data(), bytes->size());
  return id;
}

std::string LinkId::text() const {
  return base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace corohub::gateway::engineio
