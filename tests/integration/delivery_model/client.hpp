// A client of the delivery model: what it has asked for, what came, and whether that is what the log says.
#pragma once

#include "integration/delivery_model/log.hpp"
#include "support/test_server.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

namespace corohub::test::delivery_model {

// Which events outside of topics.
enum class Own : std::uint8_t { none, all, for_all, other };

// One source of events with a position of its own: all of a native connection, or one subscription.
struct Lane {
  Own own = Own::none;
  std::set<std::string> topics{};  // as asked for on this connection
  Seq position = 0;                // the last that was read, or is known to be none of the client's
  Seq checked = 0;                 // compared up to here
  Seq head_at_start = 0;           // the log's, when this connection began to have it
  std::set<Seq> received{};        // and not yet compared
  bool active = false;
};

// An event as it reached a client.
struct Arrived {
  Seq seq = 0;
  std::string type;
  std::string topic;
  json::value data;
};

// One event of each kind, published a moment ago.
struct Marks {
  std::map<std::string, Seq> in_topic;
  std::map<UserId, Seq> for_user;
  Seq for_all = 0;  // the last of them
};

class Client {
 public:
  virtual ~Client() = default;

  virtual bool connected() const = 0;
  virtual void connect() = 0;
  // Subscribes while what was missed may be on its way, if it can.
  virtual void join(const std::string& /*topic*/) {}
  virtual void subscribe(const std::string& topic) = 0;
  virtual void unsubscribe(const std::string& topic) = 0;
  // What keeps the connection alive while nothing is read.
  virtual void keep() {}
  // The connection ends; what was not read is lost with it.
  void drop(bool reset);
  // Some of what is due: up to the first event behind `seq` of one of its lanes.
  void read_some(Seq seq);
  // Everything must have come.
  virtual void settle(const Marks& marks);

 protected:
  Client(const TestServer& server, const Log& log, TestUser& user, std::string name);

  // All lanes of this connection that are active.
  virtual std::vector<Lane*> lanes() = 0;
  virtual void disconnect(bool reset) = 0;
  // One message of the server, whatever it is.
  virtual void read_one() = 0;

  bool may_see(const std::string& topic) const {
    return !is_staff(topic) || log_.role(user_.id) != Role::user;
  }
  // The lane begins to have events on this connection, after its position.
  void begin(Lane& lane) const;
  void take(Lane& lane, const Arrived& event) const;
  // What came up to here is what the log says; the lane goes on from here.
  void compare(Lane& lane, Seq up_to) const;
  void end(Lane& lane) const;
  void end_all();

  const TestServer& server_;
  const Log& log_;
  TestUser& user_;

 private:
  void read_to(const Lane& lane, Seq seq);
  bool is_visible(const Lane& lane, const Row& row, Role role) const;
  std::set<Role> roles_of(const Lane& lane, const Row& row) const;
  bool is_due(const Lane& lane, const Row& row) const;
  bool is_allowed(const Lane& lane, const Row& row) const;
  std::string describe(const Row& row) const;

  const std::string name_;
};

}  // namespace corohub::test::delivery_model
