// A service of runs without HTTP, and a worker that computes next to nothing but keeps to the whole
// protocol: what the fault suite kills at random moments.
//
//   run-service serve FOLDER COUNT     runs COUNT trainings to their ends, then leaves with 0
//   run-service train --run-directory DIR --pack DIR

import Foundation

let arguments = CommandLine.arguments
switch arguments.dropFirst().first {
case "serve":
  try await ToyService(folder: arguments[2], count: Int(arguments[3]) ?? 1).run()
case "train":
  try ToyWorker(runDirectory: arguments[3]).run()
default:
  print("run-service serve FOLDER COUNT | train --run-directory DIR --pack DIR")
  exit(64)
}
