#include "ingest/resolver.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <netdb.h>

namespace corohub::ingest {
namespace {

using Endpoint = asio::ip::tcp::endpoint;

Attempt<Resolver::Endpoints> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error != 0) return Failure{std::string("the host is not found: ") + ::gai_strerror(error)};
  Resolver::Endpoints endpoints;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    Endpoint endpoint;
    if (one->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(one->ai_addrlen);
    const auto* bytes = reinterpret_cast<const char*>(one->ai_addr);
    std::copy(bytes, bytes + one->ai_addrlen, reinterpret_cast<char*>(endpoint.data()));
    endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  if (endpoints.empty()) return Failure{"the host has no address"};
  return endpoints;
}

}  // namespace

// Shared by the thread and by whoever waits for it.
struct Resolver::Lookup {
  std::mutex mutex;
  Resolver* waiting = nullptr;                 // null: nobody waits any more
  std::optional<Attempt<Endpoints>> answer{};  // nothing: it is under way
};

Resolver::Resolver(asio::io_context& context) : context_(context), timer_(context) {}

Resolver::~Resolver() {
  if (!lookup_) return;
  const std::lock_guard lock(lookup_->mutex);
  lookup_->waiting = nullptr;
}

Task<Attempt<Resolver::Endpoints>> Resolver::resolve(const std::string& host, std::uint16_t port,
                                                     std::chrono::milliseconds time) {
  boost::system::error_code no_address;
  const asio::ip::address address = asio::ip::make_address(host, no_address);
  if (!no_address) co_return Endpoints{Endpoint(address, port)};

  timer_.expires_after(time);
  if (!lookup_) {
    lookup_ = std::make_shared<Lookup>();
    lookup_->waiting = this;
    auto look = [lookup = lookup_, host, port] {
      Attempt<Endpoints> found = look_up(host, port);
      const std::lock_guard lock(lookup->mutex);
      lookup->answer.emplace(std::move(found));
      if (lookup->waiting == nullptr) return;
      asio::post(lookup->waiting->context_, [lookup] {
        const std::lock_guard again(lookup->mutex);
        if (lookup->waiting != nullptr) lookup->waiting->cancel();
      });
    };
    try {
      std::thread(std::move(look)).detach();
    } catch (const std::system_error& error) {
      lookup_.reset();
      co_return Failure{std::string("no thread to find the host: ") + error.what()};
    }
  }
  const std::shared_ptr<Lookup> lookup = lookup_;
  {
    const std::lock_guard lock(lookup->mutex);
    if (lookup->answer) timer_.expires_after(std::chrono::milliseconds(0));
  }
  boost::system::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(use_task, ignored));
  const std::lock_guard lock(lookup->mutex);
  if (!lookup->answer) co_return Failure{"the host is not found in time"};
  lookup_.reset();
  co_return std::move(*lookup->answer);
}

}  // namespace corohub::ingest
