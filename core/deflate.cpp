#include "core/deflate.hpp"

#include <algorithm>
#include <new>
#include <string>

#include <zlib.h>

namespace corohub {
namespace {

// A sync flush ends with these bytes. The sender cuts them off and the receiver puts them back (RFC 7692).
constexpr std::string_view flush_tail{"\x00\x00\xff\xff", 4};
// Measured on JSON of 300 bytes to 64 KB: a higher one is slower for small messages and no smaller.
constexpr int memory_level = 5;
constexpr int any_window_bits = 15;
// A thread keeps a buffer of at most this size between messages: a usual message needs no more.
constexpr std::size_t kept_bytes_max = 128 << 10;

Bytef* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

void drop_if_large(std::string& buffer) noexcept {
  if (buffer.capacity() > kept_bytes_max) std::string().swap(buffer);
}

class Deflater {
 public:
  Deflater() noexcept {
    // A negative number of bits asks for raw deflate, without the header and the sum of zlib's own format.
    ready_ = deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -deflate_window_bits, memory_level,
                          Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() {
    if (ready_) deflateEnd(&stream_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::string_view run(std::string_view text) {
    if (!ready_ || text.empty() || deflateReset(&stream_) != Z_OK) return {};
    drop_if_large(out_);
    // The compressed message and its tail must fit into as many bytes as the text has, or nothing was gained.
    const std::size_t room = text.size() + flush_tail.size();
    if (out_.size() < room) out_.resize(room);
    stream_.next_in = bytes_of(text);
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = bytes_of(out_);
    stream_.avail_out = static_cast<uInt>(room);
    // When the buffer is full, zlib may have more to write.
    if (deflate(&stream_, Z_SYNC_FLUSH) != Z_OK || stream_.avail_in > 0 || stream_.avail_out == 0) return {};
    const std::string_view all = std::string_view(out_).substr(0, room - stream_.avail_out);
    if (!all.ends_with(flush_tail)) return {};
    return all.substr(0, all.size() - flush_tail.size());
  }

 private:
  z_stream stream_{};
  std::string out_;
  bool ready_;
};

class Inflater {
 public:
  Inflater() noexcept { ready_ = inflateInit2(&stream_, -any_window_bits) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  InflatedMessage run(std::string_view compressed, std::size_t bytes_max) {
    if (!ready_ || inflateReset(&stream_) != Z_OK) return {Inflated::no_memory, {}};
    drop_if_large(out_);
    done_ = 0;
    last_blocks_ = 0;
    Inflated outcome = feed(compressed, bytes_max);
    if (outcome != Inflated::whole) return {outcome, {}};
    const std::size_t size = done_;
    outcome = feed(flush_tail, bytes_max);
    if (outcome == Inflated::no_memory) return {outcome, {}};
    // If the message was cut off, the tail behind it is not read as an empty block.
    if (outcome != Inflated::whole || done_ != size || !between_blocks()) return {Inflated::malformed, {}};
    return {Inflated::whole, std::string_view(out_).substr(0, size)};
  }

 private:
  Inflated feed(std::string_view compressed, std::size_t bytes_max) {
    stream_.next_in = bytes_of(compressed);
    stream_.avail_in = static_cast<uInt>(compressed.size());
    for (;;) {
      // One byte more than allowed shows that there is more.
      const std::size_t room = std::min(std::max({first_bytes, out_.size(), 2 * done_}), bytes_max + 1);
      if (out_.size() < room) out_.resize(room);
      stream_.next_out = bytes_of(out_) + done_;
      stream_.avail_out = static_cast<uInt>(room - done_);
      const int result = inflate(&stream_, Z_SYNC_FLUSH);
      done_ = room - stream_.avail_out;
      if (result == Z_MEM_ERROR) return Inflated::no_memory;
      if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END) return Inflated::malformed;
      if (done_ > bytes_max) return Inflated::too_big;
      if (result == Z_STREAM_END) {
        if (++last_blocks_ > last_blocks_max) return Inflated::malformed;
        if (!begin_behind_last_block()) return Inflated::no_memory;
      } else if (stream_.avail_out > 0) {
        return stream_.avail_in == 0 ? Inflated::whole : Inflated::malformed;
      }
    }
  }

  // RFC 7692 section 7.2.3.4: a block may be marked as the last one although others follow that look back
  // into it.
  bool begin_behind_last_block() noexcept {
    const std::size_t known = std::min(done_, std::size_t{1} << any_window_bits);
    return inflateReset(&stream_) == Z_OK &&
           inflateSetDictionary(&stream_, bytes_of(out_) + (done_ - known), static_cast<uInt>(known)) == Z_OK;
  }

  // zlib.h: set when inflate() stopped behind a block's end, before the next one.
  bool between_blocks() const noexcept { return (stream_.data_type & 128) != 0; }

  static constexpr std::size_t first_bytes = 4096;
  // Each such block costs a copy of the window, which two bytes on the wire must not be able to ask for again
  // and again.
  static constexpr int last_blocks_max = 64;

  z_stream stream_{};
  std::string out_;
  std::size_t done_ = 0;
  int last_blocks_ = 0;
  bool ready_;
};

}  // namespace

std::string_view deflate_message(std::string_view text) noexcept {
  thread_local Deflater deflater;
  try {
    return deflater.run(text);
  } catch (const std::bad_alloc&) {
    return {};
  }
}

InflatedMessage inflate_message(std::string_view compressed, std::size_t bytes_max) noexcept {
  if (compressed.empty()) return {Inflated::whole, {}};
  thread_local Inflater inflater;
  try {
    return inflater.run(compressed, bytes_max);
  } catch (const std::bad_alloc&) {
    return {Inflated::no_memory, {}};
  }
}

}  // namespace corohub
