import Access
import DatasetLibrary
import Durability
import EmbeddingService
import Foundation
import HTTP
import Identifiers
import JSONTree
import Retrieval
import Runs
import Training

/// How the service is: what an operator looks at.
struct StatusHandlers: Sendable {
  let runs: any RunControl
  let library: DatasetLibrary
  let embeddings: EmbeddingService
  let evaluations: any EvaluationControl
  let indexes: IndexLibrary
  let facts: ServiceFacts
  let disk: DiskUsage
  let errors: RecentErrors
  let access: AccessControl?

  func get(_ request: Request) async throws -> Response {
    let process = ProcessStatus.current
    return json([
      "name": "byol", "version": .string(facts.version), "commit": text(facts.build.commit),
      "started_at": .string(facts.startedAt.description),
      "uptime_seconds": number(seconds(since: facts.startInstant)),
      "libraries": libraries,
      "processor": processor, "threads": whole(facts.threads),
      "memory": [
        "resident_bytes": whole(process.residentByteCount),
        "peak_bytes": whole(process.peakByteCount),
        "machine_bytes": whole(Int(clamping: ProcessInfo.processInfo.physicalMemory)),
      ],
      "disk": await diskUse(), "queues": try await queues(), "models": models,
      "errors": .array(errors.newestFirst.map(\.json)),
      "sandbox": [
        "no_new_privileges": .bool(process.hasNoNewPrivileges),
        "seccomp_filter": .bool(process.hasFilter),
      ],
      "workers": ["confinement": await workerConfinement()],
      "training_time": try await trainingTime(for: request.caller),
    ])
  }

  private func seconds(since start: ContinuousClock.Instant) -> Double {
    let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
    return milliseconds.rounded() / 1000
  }

  private var libraries: JSONValue {
    var libraries = JSONObject()
    for (name, version) in facts.build.libraries.sorted(by: { $0.key < $1.key }) {
      libraries[name] = .string(version)
    }
    return .object(libraries)
  }

  private var processor: JSONValue {
    let processor = facts.processor
    return [
      "architecture": .string(processor.architecture), "model": .string(processor.model),
      "cores": whole(processor.cores), "family": .string(processor.family),
      "features": .array(processor.features.map(JSONValue.string)),
      "engine": .string(processor.engine), "precision": .string(processor.precision),
    ]
  }

  /// What the worker that started last measured; `null` before the first one.
  private func workerConfinement() async -> JSONValue {
    guard let latest = await runs.latestConfinement else { return .null }
    let confinement = latest.confinement
    return [
      "seccomp": .bool(confinement.seccomp),
      "no_new_privileges": .bool(confinement.noNewPrivileges),
      "landlock": whole(confinement.landlock), "reported_at": .string(latest.at.description),
    ]
  }

  /// What keys with a limit have trained today, for who may do everything; `null` for others.
  private func trainingTime(for caller: String?) async throws -> JSONValue {
    guard let access else { return [] }
    guard access.mayCaller(caller, .admin) else { return .null }
    var keys: [JSONValue] = []
    for name in access.namesWithTrainingLimit {
      guard let allowance = try await runs.trainingAllowance(of: name) else { continue }
      keys.append([
        "key": .string(name), "used_seconds": whole(Int(allowance.usedSeconds)),
        "allowed_seconds": whole(Int(allowance.allowedSeconds)),
        "renews_at": .string(allowance.renewsAt.description),
      ])
    }
    return .array(keys)
  }

  private func queues() async throws -> JSONValue {
    let counts = try await runs.counts()
    let (evaluations, indexes) = (await evaluations.load(), await indexes.load())
    let running = (counts[.running] ?? 0) + (counts[.stopping] ?? 0)
    return [
      "runs": queue((counts[.queued] ?? 0, running, facts.runQueueCapacity)),
      // Pictures that wait and those that are being computed are one number, and one limit.
      "embeddings": queue((embeddings.waitingCount, nil, embeddings.limits.pictures)),
      "evaluations": queue((evaluations.waiting, evaluations.running, evaluations.capacity)),
      "indexes": queue((indexes.waiting, indexes.running, indexes.capacity)),
    ]
  }

  private func queue(_ load: (waiting: Int, running: Int?, capacity: Int)) -> JSONValue {
    [
      "waiting": whole(load.waiting), "running": whole(load.running),
      "capacity": whole(load.capacity),
    ]
  }

  private var models: JSONValue {
    let now = Timestamp.now()
    return .array(
      embeddings.loaded.map { file, byteCount, usedAt in
        [
          "name": .string(file.name), "bytes": whole(byteCount),
          "last_used_at": .string(now.adding(seconds: -seconds(since: usedAt)).description),
        ]
      })
  }
}

// MARK: - Disk

extension StatusHandlers {
  private func diskUse() async -> JSONValue {
    let space = DiskSpace(at: disk.folder)
    var use: JSONObject = [
      "total_bytes": whole(space?.totalByteCount), "free_bytes": whole(space?.freeByteCount),
    ]
    guard let reading = disk.latest() else {
      use["measured_at"] = .null
      return .object(use)
    }
    use["measured_at"] = .string(reading.at.description)
    use["complete"] = .bool(reading.isComplete)
    use["datasets"] = await share(reading.datasets) { (try? library.record($0))?.name }
    use["runs"] = await share(reading.runs) { id in
      guard let id = Identifier(id) else { return nil }
      return try? await runs.record(id).run.name
    }
    use["indexes"] = await share(reading.indexes) { id in
      guard let id = Identifier(id) else { return nil }
      return try? await indexes.record(id).name
    }
    use["database_bytes"] = whole(reading.databaseByteCount)
    use["unfinished_bytes"] = whole(reading.unfinishedByteCount)
    use["other_bytes"] = whole(reading.otherByteCount)
    return .object(use)
  }

  /// The largest by name, and the sum of all.
  private func share(
    _ items: [DiskReading.Item], name: (String) async -> String?
  ) async -> JSONValue {
    var largest: [JSONValue] = []
    for item in items.prefix(disk.limits.named) {
      largest.append([
        "id": .string(item.id), "name": text(await name(item.id)), "bytes": whole(item.byteCount),
      ])
    }
    return [
      "count": whole(items.count), "bytes": whole(items.reduce(0) { $0 + $1.byteCount }),
      "largest": .array(largest),
    ]
  }
}

extension RecentErrors.Entry {
  /// It as the API shows it.
  var json: JSONValue {
    [
      "time": .string(at.description), "request": .string(request),
      "operation": .string(operation), "status": whole(status), "code": .string(code),
      "detail": .string(sentence), "count": whole(count),
    ]
  }
}

/// A text, or `null`.
private func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
