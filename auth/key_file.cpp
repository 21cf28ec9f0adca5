#include "auth/key_file.hpp"

#include "core/encoding.hpp"
#include "core/json.hpp"
#include "core/log.hpp"
#include "core/random.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <cstring>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace corohub::auth {
namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t distinct_bytes_min = 8;
constexpr off_t file_bytes_max = 65'536;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

Error unfit(const std::filesystem::path& file, const std::string& why) {
  std::string line = "The key file " + file.string() + " " + why + ".";
  return Error(ErrorCode::internal_error, line).because(line);
}

Error disk_error(const std::filesystem::path& file, const char* step, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  std::string line = "The key file " + file.string() + " cannot be written.";
  return Error(full ? ErrorCode::storage_full : ErrorCode::storage_unavailable, std::move(line))
      .because(std::string(step) + ": " + std::strerror(error));
}

// --- reading ---

Result<Secret> read_private_file(const std::filesystem::path& file) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return unfit(file, std::string("cannot be opened: ") + std::strerror(errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return unfit(file, "cannot be examined");
  if (!S_ISREG(info.st_mode)) return unfit(file, "is not a regular file");
  if ((info.st_mode & 077) != 0) return unfit(file, "is open to other users; make it private: chmod 600");
  if (info.st_size > file_bytes_max) return unfit(file, "is too big");

  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return unfit(file, "cannot be read whole");
    filled += static_cast<std::size_t>(got);
  }
  return Secret(std::move(text));
}

bool is_key_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::optional<Algorithm> parse_algorithm(std::string_view text) noexcept {
  for (const Algorithm algorithm : {Algorithm::hs256, Algorithm::eddsa})
    if (text == name(algorithm)) return algorithm;
  return std::nullopt;
}

std::string_view text_member(const json::object& object, std::string_view member) noexcept {
  const json::value* value = object.if_contains(member);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// An unknown member may be a misspelt not_after, and then a key that should have ended would live on.
bool has_unknown_member(const json::object& object) {
  static constexpr std::array<std::string_view, 5> known{"kid", "alg", "key", "state", "not_after"};
  return std::ranges::any_of(object, [](const auto& member) {
    return std::ranges::find(known, std::string_view(member.key())) == known.end();
  });
}

std::optional<std::string> read_key(const json::value& value, Key& out) {
  if (!value.is_object()) return "is damaged: a key is not an object";
  const json::object& object = value.get_object();
  if (has_unknown_member(object)) return "is damaged: a key has an unknown member";

  out.id = text_member(object, "kid");
  if (!is_key_id(out.id)) return "is damaged: a key has no usable kid";
  const std::string whose = " (key " + out.id + ")";

  const std::optional<Algorithm> algorithm = parse_algorithm(text_member(object, "alg"));
  if (!algorithm) return "names an algorithm that is neither HS256 nor EdDSA" + whose;
  out.algorithm = *algorithm;

  std::optional<std::string> material = from_base64url(text_member(object, "key"));
  if (!material) return "is damaged: a secret is not base64url" + whose;
  out.material = Secret(std::move(*material));
  if (const auto why = weakness(out.algorithm, out.material.reveal())) return *why + whose;

  const std::string_view state = text_member(object, "state");
  if (state != "active" && state != "retiring")
    return "names a state that is neither active nor retiring" + whose;
  out.active = state == "active";

  if (const json::value* end = object.if_contains("not_after"); end != nullptr) {
    if (!end->is_int64() || end->get_int64() < 0) return "is damaged: not_after is not a time" + whose;
    out.not_after = end->get_int64();
  }
  return std::nullopt;
}

std::optional<std::string> read_all(std::string_view text, std::vector<Key>& out) {
  const Result<json::value> document = parse_json(text, {4, 8 * keys_max});
  if (!document) return "is damaged: it is not valid JSON";
  const json::value* list = document->is_object() ? document->get_object().if_contains("keys") : nullptr;
  if (list == nullptr || !list->is_array()) return "is damaged: it has no list of keys";
  if (list->get_array().size() > keys_max) return "holds too many keys";

  for (const json::value& value : list->get_array()) {
    Key key;
    if (auto complaint = read_key(value, key)) return complaint;
    if (std::ranges::find(out, key.id, &Key::id) != out.end()) return "names the kid " + key.id + " twice";
    out.push_back(std::move(key));
  }
  if (std::ranges::count(out, true, &Key::active) != 1) return "must have exactly one active key";
  return std::nullopt;
}

// --- writing ---

Secret format(const std::vector<Key>& keys) {
  json::array list;
  for (const Key& key : keys) {
    json::object object;
    object["kid"] = key.id;
    object["alg"] = name(key.algorithm);
    object["key"] = base64url(key.material.reveal());
    object["state"] = key.active ? "active" : "retiring";
    if (key.not_after != 0) object["not_after"] = key.not_after;
    list.push_back(std::move(object));
  }
  json::object document;
  document["keys"] = std::move(list);
  return Secret(json::serialize(document) + "\n");
}

std::optional<int> write_new_file(const std::filesystem::path& file, std::string_view text) {
  const Descriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno;
  while (!text.empty()) {
    const ssize_t put = ::write(fd.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EIO;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  if (::fsync(fd.get()) != 0) return errno;
  return std::nullopt;
}

// Readers see the new file already, so a failure here is no failure of the write; a power cut may bring the
// old file back.
void sync_directory(const std::filesystem::path& directory) {
  const Descriptor fd(
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) log::warn("key_directory_not_synced", {{"error", std::strerror(errno)}});
}

int put_in_place(const std::filesystem::path& from, const std::filesystem::path& to, Write how) {
  if (how == Write::create) {
    // A link never replaces a file, so one of two first starts wins. Not every file system has links.
    if (::link(from.c_str(), to.c_str()) == 0 || errno == EEXIST) {
      ::unlink(from.c_str());
      return 0;
    }
  }
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

std::optional<std::string> weakness(Algorithm algorithm, std::string_view material) {
  // Keys that are printed somewhere, in lower case. The last two are those of RFC 7515 A.1 and RFC 8037 A.1.
  static const std::array<std::string, 13> well_known{
      "secret",
      "changeme",
      "change-me",
      "change_me",
      "password",
      "example",
      "default",
      "12345678",
      "abcdefgh",
      "qwerty",
      "corohub",
      from_base64url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T").value(),
      from_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").value()};

  if (algorithm == Algorithm::eddsa && material.size() != secret_bytes)
    return "holds an Ed25519 seed that is not 32 bytes";
  if (material.size() < secret_bytes) return "holds a secret of less than 32 bytes";

  std::bitset<256> seen;
  std::string lower;
  for (const char c : material) {
    seen.set(static_cast<unsigned char>(c));
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const Secret wiped_copy(std::move(lower));
  if (seen.count() < distinct_bytes_min) return "holds a secret of repeated characters";
  for (const std::string& word : well_known)
    if (material.find(word) != std::string_view::npos ||
        wiped_copy.reveal().find(word) != std::string_view::npos)
      return "holds a well-known secret";
  return std::nullopt;
}

Key make_key(Algorithm algorithm) {
  std::string material(secret_bytes, '\0');
  random_bytes(material.data(), material.size());
  Key key;
  key.id = random_token(9);
  key.algorithm = algorithm;
  key.material = Secret(std::move(material));
  return key;
}

Result<std::vector<Key>> read_keys(const std::filesystem::path& file) {
  const Result<Secret> text = read_private_file(file);
  if (!text) return text.error();
  std::vector<Key> keys;
  if (const auto complaint = read_all(text->reveal(), keys)) return unfit(file, *complaint);
  return keys;
}

Result<> write_keys(const std::filesystem::path& file, const std::vector<Key>& keys, Write how) {
  const Secret text = format(keys);
  std::filesystem::path fresh = file;
  fresh += ".new";
  ::unlink(fresh.c_str());  // a file that a crash has left behind
  if (const auto error = write_new_file(fresh, text.reveal())) {
    ::unlink(fresh.c_str());
    return disk_error(file, "writing", *error);
  }
  if (const int error = put_in_place(fresh, file, how); error != 0) {
    ::unlink(fresh.c_str());
    return disk_error(file, "renaming", error);
  }
  sync_directory(file.parent_path());
  return {};
}

}  // namespace corohub::auth
