// Whatever Redis sends, nothing breaks but the reader, what it keeps is bounded, and what is taken for a
// message has good keys.
#include "core/key_name.hpp"
#include "flags/bodies.hpp"
#include "ingest/message.hpp"
#include "ingest/reply.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace {

using namespace corohub;
using namespace corohub::ingest;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const Result<Message>& message) {
  if (!message) return require(message.error().code != ErrorCode::internal_error);
  require(is_key_name(message->name_space));
  require(is_key_name(message->flag_key, flags::flag_key_bytes_max, flags::flag_key_characters));
  require(!message->occurred_at || *message->occurred_at >= 0);
}

void look_at(const Reply& reply) {
  require(reply.text.size() <= std::max(ReplyClip::text_bytes_max, ReplyClip::line_bytes_max));
  check(parse_message(reply.text));
  EntryFields fields;
  for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2)
    fields.emplace_back(reply.items[i].text, reply.items[i + 1].text);
  check(read_entry(fields));
  for (const Reply& item : reply.items) look_at(item);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(parse_message(bytes));
  if (bytes.empty()) return 0;
  const std::size_t piece = 1 + data[0] % 61;
  ReplyReader reader;
  for (std::size_t at = 1; at < size; at += piece) {
    reader.feed(bytes.substr(at, piece));
    while (const std::optional<Reply> reply = reader.next()) look_at(*reply);
  }
  return 0;
}
