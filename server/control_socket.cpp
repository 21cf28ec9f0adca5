#include "server/control_socket.hpp"

#include "core/log.hpp"
#include "server/services.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/system_error.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace corohub::server {
namespace {

constexpr std::chrono::seconds request_timeout{10};
constexpr std::chrono::seconds answer_timeout{600};  // a backup of a big database
constexpr std::string_view socket_name = "control.sock";
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// A unix socket's address holds 107 bytes; a longer path is reached through its directory's descriptor.
class SocketPath {
 public:
  explicit SocketPath(const std::filesystem::path& directory) : path_((directory / socket_name).string()) {
    if (path_.size() < sizeof(sockaddr_un::sun_path)) return;
    directory_ = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    path_ = "/proc/self/fd/" + std::to_string(directory_) + "/" + std::string(socket_name);
  }
  ~SocketPath() {
    if (directory_ >= 0) ::close(directory_);
  }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;

  const std::string& text() const noexcept { return path_; }

 private:
  std::string path_;
  int directory_ = -1;
};

// The file is 0600 in a 0700 directory; this check holds even if someone has opened them up.
bool same_user(int socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

Result<json::object> parse_request(const std::string& line) {
  Result<json::value> value = parse_json(line);
  if (value.has_error()) return value.error();
  if (!value->is_object()) return Error(ErrorCode::invalid_request, "a request is a JSON object");
  return std::move(value->as_object());
}

void wipe(std::string& text) noexcept { std::fill(text.begin(), text.end(), '\0'); }

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

ControlServer::ControlServer(asio::io_context& context, const std::filesystem::path& data_directory,
                             Administration& administration)
    : context_(context),
      administration_(administration),
      file_(data_directory / socket_name),
      acceptor_(context) {
  const SocketPath path(data_directory);
  ::unlink(path.text().c_str());
  const Protocol::endpoint endpoint(path.text());
  acceptor_.open(endpoint.protocol());
  ::fchmod(acceptor_.native_handle(), 0600);  // so that bind() makes the file with it
  acceptor_.bind(endpoint);
  ::chmod(path.text().c_str(), 0600);
  acceptor_.listen(static_cast<int>(control_connections_max));
}

ControlServer::~ControlServer() { stop(); }

void ControlServer::start() { asio::co_spawn(context_, accept_loop(), asio::detached); }

void ControlServer::stop() {
  if (!acceptor_.is_open()) return;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (Stream* stream : reading_) stream->close(ignored);
  std::error_code not_there;
  std::filesystem::remove(file_, not_there);
}

Task<> ControlServer::accept_loop() {
  Timer pause(context_);
  while (acceptor_.is_open()) {
    boost::system::error_code failure;
    Stream stream(context_);
    co_await acceptor_.async_accept(stream, asio::redirect_error(use_task, failure));
    if (!acceptor_.is_open()) co_return;
    if (failure) {  // out of descriptors, which is no reason to spin
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(use_task, failure));
      continue;
    }
    if (connections_ >= control_connections_max || !same_user(stream.native_handle())) continue;
    ++connections_;
    asio::co_spawn(context_, serve(std::move(stream)), [this](const std::exception_ptr&) { --connections_; });
  }
}

Task<std::string> ControlServer::read_line(Stream& stream) {
  // Shared with the deadline, which may expire in the moment in which the line comes.
  const auto open = std::make_shared<bool>(true);
  Timer deadline(context_);
  deadline.expires_after(request_timeout);
  deadline.async_wait([&stream, open](boost::system::error_code cancelled) {
    boost::system::error_code ignored;
    if (!cancelled && *open) stream.close(ignored);
  });
  reading_.insert(&stream);
  std::string line;
  boost::system::error_code failure;
  co_await asio::async_read_until(stream, asio::dynamic_buffer(line, control_line_bytes_max), '\n',
                                  asio::redirect_error(use_task, failure));
  reading_.erase(&stream);
  *open = false;
  deadline.cancel();
  if (failure) {
    wipe(line);
    line.clear();
  }
  co_return line;
}

Task<> ControlServer::serve(Stream stream) {
  std::string line = co_await read_line(stream);
  if (line.empty()) co_return;

  Result<json::object> request = parse_request(line);
  wipe(line);  // the line may have held a password
  json::object answer;
  if (request.has_error()) {
    answer.emplace("ok", false);
    answer.emplace("code", name(request.error().code));
    answer.emplace("detail", request.error().detail);
  } else {
    answer = co_await administration_.run(std::move(*request));
  }
  const std::string reply = json::serialize(answer) + "\n";
  boost::system::error_code ignored;
  co_await asio::async_write(stream, asio::buffer(reply), asio::redirect_error(use_task, ignored));
}

std::optional<json::object> ask_server(const std::filesystem::path& data_directory,
                                       const json::object& request) {
  const SocketPath path(data_directory);
  sockaddr_un address{};
  if (path.text().size() >= sizeof address.sun_path) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::copy(path.text().begin(), path.text().end(), address.sun_path);

  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) throw std::runtime_error("cannot make a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::nullopt;
  const timeval patience{answer_timeout.count(), 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);

  std::string line = json::serialize(request) + "\n";
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t count = ::send(socket.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) throw storage::StartError(exit_busy, "the server ended before it took the command");
    sent += static_cast<std::size_t>(count);
  }
  wipe(line);

  std::string answer;
  std::array<char, 16'384> buffer{};
  for (;;) {
    const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  boost::system::error_code failure;
  json::value value = json::parse(answer, failure);
  if (failure || !value.is_object())
    throw storage::StartError(exit_busy,
                              "the server ended before it answered; the command may have been carried out");
  return std::move(value.as_object());
}

}  // namespace corohub::server
