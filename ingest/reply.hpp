// What Redis says (RESP 2), read with hiredis's reader out of pieces that may be cut anywhere, and bounded
// before it is kept: a text that is longer than any message arrives cut, and a reply that is too large as a
// whole arrives without the rest of its texts. Pure. A reader belongs to one connection.
#pragma once

#include "ingest/message.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace corohub::ingest {

struct Reply {
  enum class Kind : std::uint8_t { nil, text, error, integer, list };

  Kind kind = Kind::nil;
  std::string text{};          // of a text or an error
  std::int64_t number = 0;     // of an integer
  std::vector<Reply> items{};  // of a list

  bool is_error(std::string_view code) const noexcept;  // "NOGROUP …"
  bool is_list(std::size_t size) const noexcept { return kind == Kind::list && items.size() == size; }
};

// Shortens what goes by on its way to the reader.
class ReplyClip {
 public:
  static constexpr std::size_t text_bytes_max = message_bytes_max + 1;  // so that what is too long shows it
  static constexpr std::size_t reply_bytes_max = 4 << 20;
  static constexpr std::size_t line_bytes_max = 64 << 10;
  static constexpr std::size_t items_max = 1 << 16;        // of a list
  static constexpr std::size_t short_text_bytes_max = 64;  // never left out: what an entry is called
  static constexpr std::size_t bytes_per_item = 128;       // what an item costs beside its text

  // Appends what is left to `out`. False: no reply may be like that.
  bool add(std::string_view bytes, std::string& out);
  // A reply has ended.
  void next_reply() noexcept {
    spent_ = 0;
    is_short_ = false;
  }
  // Whether texts of the reply under way were left out because it is too large.
  bool is_short() const noexcept { return is_short_; }
  // Whether `add` has refused a reply because it has too many parts.
  bool is_too_large() const noexcept { return is_too_large_; }

 private:
  bool add_line(std::string& out);

  std::string line_;        // under way
  std::size_t keep_ = 0;    // bytes of the text under way that still go on
  std::size_t drop_ = 0;    // and those that do not
  std::size_t ending_ = 0;  // of the CRLF behind it
  std::size_t spent_ = 0;   // on the reply under way
  bool is_short_ = false;
  bool is_too_large_ = false;
};

class ReplyReader {
 public:
  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // Throws for memory.
  void feed(std::string_view bytes);
  // The next reply that is there as a whole.
  std::optional<Reply> next();
  // That was no RESP, so nothing more can be read.
  bool is_broken() const noexcept { return broken_; }
  // It is broken because a reply has too many parts.
  bool is_too_large() const noexcept { return clip_.is_too_large(); }
  // Whether texts of the last reply were left out because it is too large.
  bool was_short() const noexcept { return was_short_; }

 private:
  struct Free {
    void operator()(redisReader* reader) const noexcept;
  };

  std::unique_ptr<redisReader, Free> reader_;
  ReplyClip clip_;
  std::string clipped_;
  bool broken_ = false;
  bool was_short_ = false;
};

// A command, as RESP.
std::string command(std::initializer_list<std::string_view> words);
std::string command(const std::vector<std::string_view>& words);

}  // namespace corohub::ingest
