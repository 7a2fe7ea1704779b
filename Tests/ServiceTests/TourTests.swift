import Datasets
import Foundation
import Images
import JSONTree
import Testing

/// The README's tour against the real binary: upload, train, stop, start, embed, and what a kill leaves.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TourTests {
  private static let picture = DemoPictures(seed: 9).picture(at: 3)

  private func embedding(_ service: ServiceProcess, model: String) async throws -> Answer {
    try await service.call(
      "POST", "/v1/embeddings?model=\(model)", type: "image/png",
      body: try Self.picture.png())
  }

  @Test func `upload, train, stop, start, embed`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    let run = try await service.start(epochs: 1000)
    try await service.wait(for: run, step: 6)
    let stopping = try await service.call("POST", "/v1/runs/\(run)/stop")
    #expect(stopping.status == 202)
    let stopped = try await service.wait(for: run, state: "stopped")
    let step = try #require(stopped["checkpoint"]?.objectValue?["step"]?.integerValue)
    let shown = try #require(stopped["progress"]?.objectValue?["step"]?.integerValue)
    #expect(shown == step)
    #expect(try await service.call("POST", "/v1/runs/\(run)/stop").status == 200)

    let first = try await embedding(service, model: run)
    #expect(first.status == 200)
    let vector = try first.object()["data"]?.arrayValue?.first?.objectValue?["embedding"]
    #expect(vector?.arrayValue?.count == 32)
    #expect(try await embedding(service, model: run).bytes == first.bytes)

    #expect(try await service.call("POST", "/v1/runs/\(run)/start").status == 202)
    try await service.wait(for: run, step: step + 4)
    let going = try await service.run(run)
    #expect(going["resumed_from"]?.integerValue == step)
    let waiting = going["progress"]?.objectValue?["view_wait_share"]?.doubleValue
    #expect((0...1).contains(try #require(waiting)))
    let metrics = try await service.call("GET", "/v1/runs/\(run)/metrics").object()
    let losses = metrics["columns"]?.objectValue?["loss"]?.arrayValue?.compactMap(\.doubleValue)
    #expect(try #require(losses).allSatisfy { (0...8).contains($0) })
    #expect(try await service.call("DELETE", "/v1/runs/\(run)").status == 409)
    _ = try await service.call("POST", "/v1/runs/\(run)/stop?now=true")
    try await service.wait(for: run, state: "stopped")
    #expect(try await service.call("DELETE", "/v1/runs/\(run)").status == 204)
    #expect(service.end(SIGTERM) == 0)
  }

  @Test func `a run succeeds, and its model gives the same bits after a restart`() async throws {
    let folder = try FreshFolder()
    let first = try await ServiceProcess(data: folder.path)
    let run = try await first.start(epochs: 2)
    let done = try await first.wait(for: run, state: "succeeded")
    #expect(done["progress"]?.objectValue?["step"] == 8)
    let before = try await embedding(first, model: run)
    #expect(before.status == 200)
    let again = try await first.call("POST", "/v1/runs/\(run)/start")
    #expect(again.status == 409)
    #expect(first.end(SIGTERM) == 0)
    let second = try await ServiceProcess(data: folder.path)
    #expect(try await embedding(second, model: run).bytes == before.bytes)
    #expect(second.end(SIGTERM) == 0)
  }

  @Test func `a run begins with the best model of another, and takes its encoder`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    let run = try await service.start(epochs: 2)
    let done = try await service.wait(for: run, state: "succeeded")
    let best = try #require(done["best_step"]?.integerValue)
    #expect([4, 8].contains(best))
    let metrics = try #require(done["metrics"]?.objectValue)
    #expect((0...1).contains(try #require(metrics["view_recall"]?.doubleValue)))
    let chosen = try await embedding(service, model: "\(run)@best")
    #expect(chosen.status == 200)
    #expect(try await embedding(service, model: "\(run)@\(best)").bytes == chosen.bytes)

    var body: JSONObject = [
      "dataset": done["dataset"] ?? .null, "epochs": 1, "batch_size": 16, "image_size": 16,
      "base_learning_rate": 0.000001, "init_from": .string("\(run)@best"),
    ]
    let created = try await service.call("POST", "/v1/runs", body: JSONValue.object(body).encoded)
    #expect(created.status == 201, "\(created)")
    let next = try created.object()
    #expect(next["init_from"] == .string("\(run)@\(best)"))
    #expect(next["recipe"]?.objectValue?["encoder"] == done["recipe"]?.objectValue?["encoder"])
    let id = try #require(next["id"]?.stringValue)
    let ended = try await service.wait(for: id, state: "succeeded")
    #expect(ended["best_step"]?.integerValue != nil)
    #expect(try await embedding(service, model: "\(id)@best").status == 200)

    for (name, value) in [("init_from", "nobody@best"), ("architecture", "resnet34")] {
      body[name] = .string(value)
      let refused = try await service.call("POST", "/v1/runs", body: JSONValue.object(body).encoded)
      #expect(refused.status == 422)
      #expect(String(decoding: refused.bytes, as: UTF8.self).contains("init_from"))
      body["init_from"] = .string(run)
    }
    #expect(service.end(SIGTERM) == 0)
  }

  @Test func `a plan is measured on the real pictures, and beside a run it says so`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    let run = try await service.start(epochs: 1000)
    let dataset = try #require(try await service.run(run)["dataset"]?.stringValue)
    _ = try await service.call("POST", "/v1/runs/\(run)/stop?now=true")
    try await service.wait(for: run, state: "stopped")
    let body: JSONValue = [
      "dataset": .string(dataset), "epochs": 10, "batch_size": 16, "image_size": 16, "width": 0.25,
      "validate_only": true, "resources": ["threads": 1],
    ]
    let reply = try await service.call("POST", "/v1/runs", body: body.encoded)
    #expect(reply.status == 200)
    let plan = try reply.object()
    let speed = try #require(plan["images_per_second"]?.doubleValue, "\(plan)")
    #expect(speed > 1 && plan["seconds"]?.doubleValue == 40 * 16 / speed)
    #expect(try #require(plan["memory_bytes"]?.integerValue) > 10_000_000)
    let began = ContinuousClock.now
    let again = try await service.call("POST", "/v1/runs", body: body.encoded).object()
    #expect(again["images_per_second"]?.doubleValue == speed)
    #expect(ContinuousClock.now - began < .seconds(2))
    #expect(service.end(SIGTERM) == 0)
  }

  @Test func `events come as they happen, and the end of the service ends them`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    let run = try await service.start(epochs: 2)
    async let stream = service.call(
      "GET", "/v1/runs/\(run)/events", accept: "text/event-stream")
    try await service.wait(for: run, state: "succeeded")
    #expect(service.end(SIGTERM) == 0)
    let text = String(decoding: try await stream.bytes, as: UTF8.self)
    let kinds = text.split(separator: "\n").filter { $0.hasPrefix("event: ") }
    #expect(kinds.first == "event: created" && kinds.contains("event: worker_started"))
    #expect(kinds.last == "event: state" && text.contains(#""state":"succeeded""#))
  }

  @Test func `a launcher's worker keeps to its niceness and its memory by itself`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path, arguments: ["--launcher", "env A=b"])
    let polite = try await service.start(epochs: 1000, resources: ["niceness": 7])
    try await service.wait(for: polite, step: 2)
    let lock = try String(
      contentsOfFile: "\(folder.path)/runs/\(polite)/worker.lock", encoding: .utf8)
    let worker = try #require(pid_t(lock.trimmingCharacters(in: .whitespacesAndNewlines)))
    let which = __priority_which_t(PRIO_PROCESS.rawValue)
    #expect(getpriority(which, id_t(worker)) == 7 && sched_getscheduler(worker) == 0)
    // Every thread, since on Linux each has its own: what computes must not be on one of the pool's. The one that waits for
    // signals is.
    let tasks = "/proc/\(worker)/task"
    for thread in try FileManager.default.contentsOfDirectory(atPath: tasks) {
      let name = (try? String(contentsOfFile: "\(tasks)/\(thread)/comm", encoding: .utf8)) ?? ""
      guard let number = id_t(thread), !name.contains("overcommit") else { continue }
      #expect(getpriority(which, number) == 7, "\(name)")
    }
    _ = try await service.call("POST", "/v1/runs/\(polite)/stop")
    // The weights of a whole ResNet-18, their momentum, the target's and the gradients: 171 MiB.
    let large = try await service.start(
      epochs: 1000, width: 1, resources: ["memory_bytes": .integer(64 << 20)])
    let code = try await eventually("the end") {
      try await service.run(large)["reason"]?.objectValue?["code"]
    }
    #expect(code == "out_of_memory")
    #expect(service.end(SIGTERM) == 0)
  }

  @Test func `a worker waits for one that a launcher left behind`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    let run = try await service.start(epochs: 1000)
    try await service.wait(for: run, step: 2)
    _ = try await service.call("POST", "/v1/runs/\(run)/stop")
    let stopped = try await service.wait(for: run, state: "stopped")
    let step = try #require(stopped["progress"]?.objectValue?["step"]?.integerValue)
    let holder = Process()
    holder.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
    let lock = "\(folder.path)/runs/\(run)/training.lock"
    holder.arguments = ["--no-fork", lock, "sh", "-c", "echo locked; exec sleep 1000"]
    let output = Pipe()
    holder.standardOutput = output
    try holder.run()
    _ = output.fileHandleForReading.availableData
    _ = try await service.call("POST", "/v1/runs/\(run)/start")
    try await service.wait(for: run, state: "running")
    try await Task.sleep(for: .seconds(1))
    #expect(try await service.run(run)["progress"]?.objectValue?["step"]?.integerValue == step)
    kill(holder.processIdentifier, SIGKILL)
    try await service.wait(for: run, step: step + 1)
    #expect(service.end(SIGTERM) == 0)
  }

  @Test(arguments: [SIGTERM, SIGKILL])
  func `a run goes on after the service ended`(signal: Int32) async throws {
    let folder = try FreshFolder()
    let first = try await ServiceProcess(data: folder.path)
    let run = try await first.start(epochs: 1000)
    try await first.wait(for: run, step: 6)
    #expect(first.end(signal) == (signal == SIGTERM ? 0 : -SIGKILL))
    let second = try await ServiceProcess(data: folder.path)
    try await second.wait(for: run, state: "running")
    let resumed = try await eventually("the step it goes on from") {
      try await second.run(run)["resumed_from"]?.integerValue
    }
    #expect(resumed >= 4)
    try await second.wait(for: run, step: resumed + 3)
    #expect(second.end(SIGTERM) == 0)
  }
}
