#include "gateway/wire/rehome.hpp"

#include "core/log.hpp"

#include <exception>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <unistd.h>

namespace corohub::gateway {
namespace {

// A descriptor between two shards.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }
  void let_go() noexcept { fd_ = -1; }

 private:
  int fd_;
};

}  // namespace

void rehome(Socket socket, asio::io_context& home, std::function<void(Socket)> arrive) {
  const asio::ip::tcp protocol = socket.local_endpoint().protocol();
  Descriptor descriptor(socket.release());
  asio::post(home,
             [&home, protocol, arrive = std::move(arrive), descriptor = std::move(descriptor)]() mutable {
               try {
                 Socket arrived(home);
                 arrived.assign(protocol, descriptor.get());
                 descriptor.let_go();
                 arrived.non_blocking(true);
                 arrive(std::move(arrived));
               } catch (const std::exception& failure) {
                 log::error("socket.not_moved", {{"cause", failure.what()}});
               }
             });
}

}  // namespace corohub::gateway
