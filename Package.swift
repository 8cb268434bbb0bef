// swift-tools-version: 6.1
import PackageDescription

/// What every Swift target is built with. Warnings are turned into errors by `.ci/run`, not here,
/// so that a newer compiler's new warning never keeps a user from building.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    // SAFETY: that no two accesses to a class's property overlap is checked at run time in debug
    // builds, which the tests are; in a release the checks took 3 to 7 % of q7, q16 and q18.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// A module of ours and its test target, in the one direction that DESIGN allows.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: swiftSettings)
}

let package = Package(
    name: "pipelined",
    products: [
        .executable(name: "pipelined", targets: ["Pipelined"]),
        .executable(name: "Benchmarks", targets: ["Benchmarks"]),
    ],
    targets: [
        .systemLibrary(
            name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CPrimitives"),
        module("Operators", ["CPrimitives"]),
        module("Store", ["CPrimitives"]),
        module("Config", ["Operators", "CYaml", "CPrimitives"]),
        module("Connectors", ["Operators", "Store", "Config", "CPrimitives"]),
        .executableTarget(
            name: "Pipelined",
            dependencies: ["Operators", "Store", "Config", "Connectors", "CPrimitives"],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "Benchmarks",
            dependencies: ["Operators", "Store", "Config", "Connectors", "CPrimitives"],
            path: "Benchmarks", exclude: ["baselines.tsv"], swiftSettings: swiftSettings),
        .target(
            name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swiftSettings),
        tests("OperatorsTests", ["Operators"]),
        tests("StoreTests", ["Store"]),
        tests("ConfigTests", ["Config", "Operators"]),
        tests("ConnectorsTests", ["Connectors", "Operators", "Store", "Config"]),
        tests("PipelinedTests", ["Pipelined", "Operators", "Store", "Config", "Connectors"]),
        tests("EndToEndTests", []),
    ]
)
