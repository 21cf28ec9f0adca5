#include "ingest/reply.hpp"

#include <algorithm>
#include <charconv>
#include <new>
#include <span>
#include <utility>

#include <hiredis/hiredis.h>

namespace corohub::ingest {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const noexcept { ::freeReplyObject(reply); }
};

// hiredis nests replies a few levels deep and no more.
// NOLINTNEXTLINE(misc-no-recursion)
Reply reply_of(const redisReply& from) {
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      reply.kind = Reply::Kind::text;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_ERROR:
      reply.kind = Reply::Kind::error;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_INTEGER:
      reply.kind = Reply::Kind::integer;
      reply.number = from.integer;
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = Reply::Kind::list;
      reply.items.reserve(from.elements);
      for (const redisReply* item : std::span(from.element, from.elements))
        reply.items.push_back(item != nullptr ? reply_of(*item) : Reply());
      break;
    default:
      break;
  }
  return reply;
}

// The number of "$12\r\n" or "*3\r\n"; nothing for what the reader will complain about.
std::optional<std::int64_t> number_of(std::string_view line) noexcept {
  if (line.size() < 3 || !line.ends_with("\r\n")) return std::nullopt;
  line.remove_prefix(1);
  line.remove_suffix(2);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return number;
}

template <class Words>
std::string command_of(const Words& words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words)
    out.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
  return out;
}

}  // namespace

bool Reply::is_error(std::string_view code) const noexcept {
  return kind == Kind::error && text.starts_with(code) &&
         (text.size() == code.size() || text[code.size()] == ' ');
}

// ---- the clip ----

bool ReplyClip::add(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    if (keep_ > 0 || drop_ > 0 || ending_ > 0) {
      std::size_t& left = keep_ > 0 ? keep_ : drop_ > 0 ? drop_ : ending_;
      const std::size_t size = std::min(left, bytes.size());
      if (&left != &drop_) out.append(bytes.substr(0, size));
      left -= size;
      bytes.remove_prefix(size);
      continue;
    }
    const std::size_t end = bytes.find('\n');
    const std::size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
    if (line_.size() + size > line_bytes_max) return false;
    line_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (end == std::string_view::npos) return true;
    if (!add_line(out)) return false;
    line_.clear();
  }
  return true;
}

bool ReplyClip::add_line(std::string& out) {
  spent_ += bytes_per_item + line_.size();
  const std::optional<std::int64_t> number = number_of(line_);
  is_too_large_ = spent_ > 2 * reply_bytes_max ||  // though what can be left out was left out
                  (line_.front() == '*' && number && *number > static_cast<std::int64_t>(items_max));
  if (is_too_large_) return false;
  if (line_.front() != '$' || !number || *number < 0) {
    out.append(line_);
    return true;
  }
  const auto size = static_cast<std::size_t>(*number);
  keep_ = std::min(size, text_bytes_max);
  if (size > short_text_bytes_max && spent_ + keep_ > reply_bytes_max) {
    keep_ = 0;
    is_short_ = true;
  }
  drop_ = size - keep_;
  ending_ = 2;
  spent_ += keep_;
  out.append("$").append(std::to_string(keep_)).append("\r\n");
  return true;
}

// ---- the reader ----

void ReplyReader::Free::operator()(redisReader* reader) const noexcept { ::redisReaderFree(reader); }

ReplyReader::ReplyReader() : reader_(::redisReaderCreate()) {
  if (!reader_) throw std::bad_alloc();
}

ReplyReader::~ReplyReader() = default;

void ReplyReader::feed(std::string_view bytes) {
  if (broken_) return;
  clipped_.clear();
  broken_ = !clip_.add(bytes, clipped_) ||
            ::redisReaderFeed(reader_.get(), clipped_.data(), clipped_.size()) != REDIS_OK;
}

std::optional<Reply> ReplyReader::next() {
  if (broken_) return std::nullopt;
  void* made = nullptr;
  if (::redisReaderGetReply(reader_.get(), &made) != REDIS_OK) {
    broken_ = true;
    return std::nullopt;
  }
  const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(made));
  if (!reply) return std::nullopt;
  was_short_ = clip_.is_short();
  clip_.next_reply();
  return reply_of(*reply);
}

std::string command(std::initializer_list<std::string_view> words) { return command_of(words); }
std::string command(const std::vector<std::string_view>& words) { return command_of(words); }

}  // namespace corohub::ingest
