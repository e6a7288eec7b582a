#!/usr/bin/env pwsh
#requires -Version 7.3
# Every job of this repository by name. Each verb is one dotnet command line (ci: four, docs: three); parameters are passed on untouched, the exit code is kept.
# Only the language, .NET types and cmdlets of the engine's own core module are used, so that a bare PowerShell engine can run it (a test does).

$solution = 'G2RL.Onnx.sln'
$program = 'run', '--project', 'src/G2RL.Onnx.Cli', '-c', 'Release', '--'
$verbs = [ordered]@{
    'help'             = @{ Does = 'Shows this page.' }
    'restore'          = @{ Does = 'Fetches the packages.'; Runs = @(, @('restore', $solution)) }
    'build'            = @{ Does = 'Builds everything; warnings are errors.'; Runs = @(, @('build', $solution, '-c', 'Release')) }
    'test'             = @{ Does = 'Runs every test.'; Runs = @(, @('test', '--solution', $solution, '-c', 'Release')) }
    'format'           = @{ Does = 'Formats the code; with --verify-no-changes only checks it.'; Runs = @(, @('format', $solution, '--exclude', 'artifacts')) }
    'export-and-train' = @{ Does = 'The main job: a checkpoint in, G2RL post-training, a better checkpoint out.'; Runs = @(, ($program + 'export-and-train')) }
    'init'             = @{ Does = 'Writes a commented configuration for a model and a file of problems.'; Runs = @(, ($program + 'init')) }
    'export'           = @{ Does = 'Writes a model as GGUF, as a Hugging Face folder, or as the graphs of a run.'; Runs = @(, ($program + 'export')) }
    'train'            = @{ Does = 'The main job on graphs that were exported before.'; Runs = @(, ($program + 'train')) }
    'pretrain'         = @{ Does = 'Trains a small base model from scratch.'; Runs = @(, ($program + 'pretrain')) }
    'evaluate'         = @{ Does = 'Gives pass@1 of a model on held-out problems, with its interval.'; Runs = @(, ($program + 'evaluate')) }
    'sample'           = @{ Does = 'Shows what a model says, token by token.'; Runs = @(, ($program + 'sample')) }
    'tokenize'         = @{ Does = 'Shows what a tokenizer makes of texts: ids, pieces, places, counts.'; Runs = @(, ($program + 'tokenize')) }
    'runs'             = @{ Does = 'Lists runs, compares them, tells what they take and removes what may go.'; Runs = @(, ($program + 'runs')) }
    'score'            = @{ Does = 'Gives the log-prob and entropy of every token of given texts.'; Runs = @(, ($program + 'score')) }
    'report'           = @{ Does = 'Rebuilds report.html of a run.'; Runs = @(, ($program + 'report')) }
    'ort-training'     = @{ Does = 'Moves a run to the training API of ONNX Runtime and back.'; Runs = @(, ($program + 'ort-training')) }
    'conformance'      = @{ Does = 'Compares losses, gradients, advantages and models with golden numbers.'; Runs = @(, ($program + 'conformance')) }
    'compare'          = @{ Does = 'Runs arms x seeds from the same base models and compares them.'; Runs = @(, ($program + 'compare')) }
    'geometry'         = @{ Does = 'Measures how the gradient features of a model''s responses lie to each other.'; Runs = @(, ($program + 'geometry')) }
    'doctor'           = @{ Does = 'Tells what this machine offers and what is missing.'; Runs = @(, ($program + 'doctor')) }
    'gpu-test'         = @{ Does = 'Compares every kernel and a short run on a GPU with the host (builds -p:Flavor=cuda).'; Runs = @(, @('run', '--project', 'src/G2RL.Onnx.Cli', '-c', 'Release', '-p:Flavor=cuda', '--', 'gpu-test')) }
    'convert'          = @{ Does = 'Converts a Hugging Face checkpoint to a folder of ONNX graphs.'; Runs = @(, ('run', '--project', 'tools/ModelConverter', '-c', 'Release', '--', 'convert')) }
    'pack'             = @{ Does = 'Makes the NuGet packages and the tools g2rl and g2rl-convert in artifacts/packages.'; Runs = @(, @('pack', $solution, '-c', 'Release', '-o', 'artifacts/packages')) }
    'docs'             = @{
        Does = 'Makes artifacts/site: these pages and the API reference from the doc comments.'
        Runs = @('build', 'src/G2RL.Onnx.Cli', '-c', 'Release'),
               @('tool', 'restore'),
               @('docfx', '.docfx.json', '--warningsAsErrors')
    }
    'benchmark'        = @{ Does = 'Measures decoding, training and G2RL beside their physical limits.'; Runs = @(, @('run', '--project', 'tests/G2RL.Onnx.Benchmarks', '-c', 'Release', '--')) }
    'mutate'           = @{ Does = 'Plants small faults in given folders and sees whether the tests notice; see tests/mutation.'; Runs = @(, @('run', '--project', 'tests/mutation', '-c', 'Release', '--')) }
    'ci'               = @{
        Does = 'What the CI runs: restore, build, format check, tests. Takes no parameters.'
        Runs = @('restore', $solution),
               @('build', $solution, '-c', 'Release', '--no-restore'),
               @('format', $solution, '--verify-no-changes', '--no-restore', '--exclude', 'artifacts'),
               @('test', '--solution', $solution, '-c', 'Release', '--no-build', '--no-progress', '--max-parallel-test-modules', '4', '--report-trx', '--results-directory', 'artifacts/test-results')
    }
}

$helpPage = @(
    'build.ps1 VERB [parameters]'
    ''
    'Verbs:'
    foreach ($name in $verbs.Keys) { '  {0,-17} {1}' -f $name, $verbs[$name].Does }
    ''
    'Examples:'
    '  ./build.ps1 export-and-train                          the main job with its defaults'
    '  ./build.ps1 export-and-train --set seed=1 --set steps=100'
    '  ./build.ps1 export-and-train --dry-run                every setting with its value, and the memory plan'
    '  ./build.ps1 export-and-train --help                   the options of a command'
    '  ./build.ps1 evaluate --model models/arithmetic-base'
    '  ./build.ps1 test --filter "FullyQualifiedName~G2rl"'
    ''
    'Everything runs in the repository''s root; relative paths in parameters start there.'
    'Quote what PowerShell itself would read, as in --set ''sampling.stopStrings=["\n"]'' and ''--''.'
)

# PowerShell reads a typed command line before a script sees it: -p:Name=value arrives in two pieces, a,b as a list. Both are put together again. Under
# "pwsh build.ps1 ..." the shell's own words are still there and are taken instead, provided that they are these very parameters.
$given = @(
    for ($i = 0; $i -lt $args.Count; $i++) {
        $word = $args[$i]
        if ($word -is [array]) { $word -join ',' }
        elseif ($word -is [string] -and $word.EndsWith(':') -and $word.PSObject.Properties['<CommandParameterName>'] -and $i + 1 -lt $args.Count) { $word + ($args[++$i] -join ',') }
        else { [string]$word }
    }
)
$raw = [Environment]::GetCommandLineArgs()
for ($i = 1; $i -lt $raw.Count; $i++) {
    if ([System.IO.Path]::GetFileName($raw[$i]) -ne 'build.ps1') { continue }
    $words = [string[]]$raw[($i + 1)..$raw.Count]
    if ("$words" -replace '[: ]' -eq ("$args" -replace '[: ]')) { $given = $words }
    break
}

$verb = $given[0]
$parameters = [string[]]$given[1..$given.Count]
if ($null -eq $verb -or $verb -in '-h', '-?', '--help', '/?') { $verb = 'help' }
if (-not $verbs.Contains($verb)) {
    [Console]::Error.WriteLine("build.ps1: there is no verb '$verb'. Verbs: $($verbs.Keys -join ', '). './build.ps1 help' tells what each does.")
    exit 2
}
if ($verb -eq 'help') {
    $helpPage
    exit 0
}
if ($verb -eq 'ci' -and $parameters) {
    [Console]::Error.WriteLine("build.ps1: ci takes no parameters, so that every machine runs the same; '$parameters' was given. Use restore, build, format or test.")
    exit 2
}
if (-not (Get-Command dotnet -CommandType Application -ErrorAction Ignore)) {
    [Console]::Error.WriteLine('build.ps1: there is no dotnet on the PATH. Install the .NET SDK that global.json names: https://dotnet.microsoft.com/download')
    exit 1
}

$PSNativeCommandUseErrorActionPreference = $false
$path = $ExecutionContext.SessionState.Path
$before = $path.CurrentLocation
$code = 0
try {
    $null = $path.SetLocation([System.Management.Automation.WildcardPattern]::Escape($PSScriptRoot))
    foreach ($line in $verbs[$verb].Runs) {
        # As quoted text: a variable's words would still be taken for file patterns ('*') and home folders ('~').
        $quoted = foreach ($word in $line + $parameters) { "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($word) + "'" }
        & ([scriptblock]::Create("& dotnet $quoted"))
        $code = $LASTEXITCODE
        if ($code -ne 0) { break }
    }
}
finally {
    $null = $path.SetLocation([System.Management.Automation.WildcardPattern]::Escape($before.Path))
}
exit $code
