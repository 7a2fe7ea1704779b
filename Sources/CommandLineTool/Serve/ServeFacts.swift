import API
import Engines
import Foundation
import Identifiers
import Runs
import TensorGraph

extension ServeCommand {
  /// What `/v1/info` and `/v1/status` say that does not change while the service runs.
  ///
  /// - Throws: `ValidationError` where the engine does not compute in the precision.
  func facts(threads: Int) throws -> ServiceFacts {
    var facts = ServiceFacts(
      version: byolVersion, startedAt: .now(), threads: threads, limits: limitTable())
    facts.build.commit = Build.commit
    facts.build.libraries = Build.libraries
    facts.processor.architecture = Machine.architecture
    facts.processor.model = Machine.processorModel
    facts.processor.cores = Machine.cores
    facts.processor.family = Engines.processor
    facts.processor.features = Engines.processorFeatures
    facts.processor.engine = engine.name
    facts.processor.precision = try precision.resolved(on: engine.engine).rawValue
    facts.runQueueCapacity = try runSettings(threads: threads).queueLimit
    return facts
  }
}
